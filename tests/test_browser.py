"""The site as a reader meets it: a real Chromium, served from this machine, with everything that leaves it refused."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browser import MISSING, chromium_path
from trldoc import hub

pytest_plugins = ["site_fixture"]
pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
KINDS = {
    "home": "",
    "index": "trainers/dpo/",
    "math": "trainers/dpo/math/",
    "walkthrough": "trainers/dpo/walkthrough/",
    "example": "trainers/dpo/example/",
    "reference": "reference/dpo/",
    "source": "source/1.16.0/trl/trainer/dpo_trainer.py.html",
    "source list": "source/1.16.0/index.html",
    "verified": "verified/",
}
each_kind = pytest.mark.parametrize("address", KINDS.values(), ids=KINDS)
# A page that would fetch, connect to or embed anything from elsewhere breaks this policy, and the console says so.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-src 'none'; object-src 'none'; form-action 'self'; base-uri 'self'"
)
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


class Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def origin(site: Path) -> Iterator[str]:
    """The site on a free port of this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path() or pytest.fail(MISSING, pytrace=False)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def opened(browser: Browser, origin: str, **options) -> Iterator[Page]:
    """A page in a context of its own. When it closes, anything asked of another host or said on the console fails the test."""
    context: BrowserContext = browser.new_context(**{"viewport": WIDE, **options})
    context.set_default_timeout(60_000)
    wrong: list[str] = []
    host = urlsplit(origin).netloc

    def watch(request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and urlsplit(request.url).netloc != host:
            wrong.append(f"asked another host: {request.url}")

    context.on("request", watch)
    context.on("response", lambda response: response.ok or response.status == 304 or wrong.append(f"{response.status} {response.url}"))
    context.on("console", lambda message: message.type in ("error", "warning") and wrong.append(f"console: {message.text}"))
    context.on("weberror", lambda error: wrong.append(f"script: {error.error}"))
    try:
        yield context.new_page()
        if wrong:
            pytest.fail("\n".join(dict.fromkeys(wrong)), pytrace=False)
    finally:
        context.close()


@each_kind
def test_a_page_asks_nobody_else_and_can_be_read(browser, origin, address):
    with opened(browser, origin, color_scheme="light") as page:
        page.goto(origin + address, wait_until="networkidle")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(100)
        assert page.evaluate(BACKGROUND) > 0.9
        assert page.evaluate(FAINT) == []


def test_tabs_lead_through_the_site(browser, origin):
    with opened(browser, origin) as page:
        page.goto(origin)
        page.click(".md-tabs__link:has-text('Trainers')")
        assert page.url == origin + KINDS["index"]
        for kind in ("math", "walkthrough", "example", "reference"):
            ending = "reference/dpo/" if kind == "reference" else f"{kind}/"
            page.click(f".md-sidebar--primary a.md-nav__link[href$='{ending}']:visible")
            assert page.url == origin + KINDS[kind]
            assert page.locator(".md-sidebar--primary .md-nav__link--active:visible").count() > 0
        page.click(".md-header__button.md-logo >> visible=true")
        assert page.url == origin


@pytest.mark.parametrize(
    ("query", "wanted", "within"),
    [
        ("DPOConfig.label_smoothing", "reference/dpo/#DPOConfig", 3),
        ("ld_alpha", "trainers/dpo/", 3),
        ("rewards/margins", "trainers/dpo/", 3),
        ("apo_down", "trainers/dpo/math/#apo_down", 5),
    ],
)
def test_search_finds(browser, origin, query, wanted, within):
    with opened(browser, origin) as page:
        page.goto(origin)
        page.click("[data-md-component=search-query]")
        page.keyboard.type(query)
        links = page.locator(".md-search-result__list a.md-search-result__link")
        links.first.wait_for()
        page.wait_for_function("!document.querySelector('.md-search-result__meta').textContent.includes('Initializing')")
        found = [href.split("?")[0] + "#" + href.partition("#")[2] for href in links.evaluate_all("all => all.map(a => a.href)")]
        found = [href.removeprefix(origin) for href in found]
        assert any(href.startswith(wanted) for href in found[:within]), found[:within]


def test_a_copied_block_runs_in_a_fresh_process(browser, origin, standin_hub, tmp_path):
    """The quickstart of the home page, through the clipboard, in a new Python that has never seen this project's code run."""
    with opened(browser, origin, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(origin)
        block = page.locator(".language-python.highlight").first
        block.hover()
        block.locator("[data-clipboard-target], .md-clipboard").first.click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.strip() == block.locator("code").inner_text().strip()
    assert "trainer.train()" in copied
    (tmp_path / "snippet.py").write_text(copied, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE, "snippet.py"],
        cwd=tmp_path,
        env={**os.environ, **hub.environment(standin_hub), "PYTHONPATH": str(ROOT / "scripts"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "'train_loss'" in done.stdout


def test_a_copied_excerpt_says_where_it_is_from(browser, origin):
    with opened(browser, origin, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(origin + KINDS["walkthrough"])
        figure = page.locator("figure.excerpt").first
        figure.locator(".excerpt-copy").click()
        first, _, lines = page.evaluate("navigator.clipboard.readText()").partition("\n")
        start, end = figure.get_attribute("data-lines").split("-")
        shown = figure.locator("td.code").evaluate_all(WITHOUT_MARKS)
        path = figure.locator(".excerpt-links a").first.get_attribute("href").split("source/1.16.0/")[1].split(".html")[0]
        assert first == f"# trl 1.16.0, {path}, lines {start}-{end}"
        assert [row.strip() for row in lines.split("\n")] == [row.strip() for row in shown]


def test_the_dark_mode_is_kept_and_can_be_read(browser, origin):
    with opened(browser, origin, color_scheme="light") as page:
        page.goto(origin + KINDS["index"])
        assert page.evaluate(SCHEME) == "default"
        page.click("label[for=__palette_1]")
        assert page.evaluate(SCHEME) == "slate"
        for kind in ("index", "math", "walkthrough", "example", "reference", "verified", "home"):
            page.goto(origin + KINDS[kind])
            assert page.evaluate(SCHEME) == "slate", kind
            assert page.evaluate(FAINT) == [], kind
        page.goto(origin + KINDS["source"])
        assert page.evaluate(BACKGROUND) < 0.1, "a source page does not follow the theme chosen on the site"
        assert page.evaluate(FAINT) == [], "source"


@each_kind
def test_a_phone_never_scrolls_sideways(browser, origin, address):
    with opened(browser, origin, viewport=PHONE, is_mobile=True, has_touch=True) as page:
        page.goto(origin + address)
        page.wait_for_timeout(150)
        assert page.evaluate("window.innerWidth") == PHONE["width"]
        if "source/" not in address or address.endswith("index.html"):
            assert page.evaluate(WIDER) == []
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_a_line_of_an_excerpt_leads_to_that_line(browser, origin):
    with opened(browser, origin) as page:
        page.goto(origin + KINDS["walkthrough"])
        figures = page.locator("figure.excerpt")
        row = figures.nth(figures.count() // 2).locator("tr.line:not(:has(.note-mark))").last
        code, number = row.locator("td.code").inner_text().strip(), row.locator("td.ln").inner_text().strip()
        row.locator("td.ln a").click()
        page.wait_for_url(f"**/source/1.16.0/**#L{number}")
        page.wait_for_timeout(300)
        line = page.locator(f"[id=L{number}]")
        assert code and line.inner_text().strip().removeprefix(number).strip() == code
        box = line.bounding_box()
        assert 0 <= box["y"] <= WIDE["height"] - box["height"], "the line is not in view"
        covering = "([x, y]) => document.elementFromPoint(x, y)?.closest('[id^=L]')?.id"
        assert page.evaluate(covering, [box["x"] + 150, box["y"] + box["height"] / 2]) == f"L{number}", "something covers the line"


def test_a_fragment_of_a_page_is_not_hidden_by_the_header(browser, origin):
    with opened(browser, origin) as page:
        page.goto(origin + KINDS["math"])
        ids = page.locator("article h2[id]").evaluate_all("all => all.map(h => h.id)")
        wanted = ids[len(ids) // 2]
        page.goto(f"{origin}{KINDS['math']}#{wanted}")
        page.wait_for_timeout(300)
        box = page.locator(f"[id='{wanted}']").bounding_box()
        header = page.locator(".md-header").bounding_box()
        assert header["height"] <= box["y"] + box["height"] <= WIDE["height"]


@each_kind
def test_a_page_can_be_read_without_scripts(browser, origin, address):
    with opened(browser, origin, java_script_enabled=False) as page:
        page.goto(origin + address)
        assert page.locator("h1, header strong").first.inner_text().strip()
        if address in (KINDS["math"], KINDS["index"], KINDS["walkthrough"]):
            assert page.locator("mjx-container").first.is_visible()
            assert page.locator("mjx-container math").count() == page.locator("mjx-container").count()
            assert "\\(" not in page.locator("article").inner_text()
            assert page.locator(".highlight code").first.inner_text().strip()
        if address == KINDS["walkthrough"]:
            assert page.locator("figure.excerpt td.code").first.is_visible()
            assert page.locator("figure.excerpt td.values .value").first.is_visible()
        if address == KINDS["source"]:
            assert "class DPOTrainer" in page.locator("#code").text_content()


def test_prose_and_code_stand_side_by_side_where_there_is_room(browser, origin):
    with opened(browser, origin) as page:
        page.goto(origin + KINDS["walkthrough"])
        row = page.locator(".walk-row:has(.walk-prose > *)").first
        prose, code = row.locator(".walk-prose").bounding_box(), row.locator(".walk-code").bounding_box()
        assert code["x"] >= prose["x"] + prose["width"]
        page.set_viewport_size(PHONE)
        prose, code = row.locator(".walk-prose").bounding_box(), row.locator(".walk-code").bounding_box()
        assert code["y"] >= prose["y"] + prose["height"]


# Runs a file as the runner would: CPU where there is nothing else, few steps, nothing reported.
PRELUDE = """
import runpy, sys
from dataclasses import asdict
import torch
from trldoc.child import limit_training
from trldoc.limits import Limits
limit_training(asdict(Limits(max_steps=2)), torch.accelerator.is_available())
runpy.run_path(sys.argv[1], run_name="__main__")
"""

WITHOUT_MARKS = """all => all.map(cell => {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll(".note-mark").forEach(mark => mark.remove());
  return copy.textContent;
})"""

SCHEME = "document.body.dataset.mdColorScheme"

# Relative luminance of what is behind the page's text.
BACKGROUND = """() => {
  const lum = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  for (let e of [document.body, document.documentElement]) {
    const c = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number);
    if ((c[3] ?? 1) > 0) return lum(c);
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? 0 : 1;
}"""

# Texts whose contrast with what is painted behind them is below 4.5 (3 for large ones): WCAG 2, AA. One of each kind.
FAINT = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const lum = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = element => { const layers = []; let opacity = 1;
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e); opacity *= +style.opacity;
      const c = rgba(style.backgroundColor); if (c[3] > 0) layers.push(c);
      if (c[3] === 1) break; }
    let base = rgba(getComputedStyle(document.documentElement).colorScheme.startsWith("dark") ? "#121212" : "#fff").slice(0, 3);
    for (const layer of layers.reverse()) base = over(layer, base);
    return [base, opacity]; };
  const found = new Map(), seen = new Set();
  const walker = document.createTreeWalker(document.querySelector("article, main") ?? document.body, NodeFilter.SHOW_TEXT);
  let budget = 6000;
  while (walker.nextNode() && budget--) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script, style, svg, mjx-assistive-mml, [hidden], .headerlink")) continue;
    const style = getComputedStyle(element);
    const key = [element.tagName, element.className, style.color, element.parentElement.className].join(" ");
    if (seen.has(key) || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    seen.add(key);
    const [under, opacity] = behind(element), color = rgba(style.color);
    const text = over([...color.slice(0, 3), color[3] * opacity], under);
    const [a, b] = [lum(text), lum(under)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.set(key, `${ratio.toFixed(2)} <${key}> ${walker.currentNode.data.trim().slice(0, 40)}`);
  }
  return [...found.values()];
}"""

# Elements that reach beyond the right edge of a phone and are in nothing that scrolls by itself.
WIDER = """() => [...document.querySelectorAll("article *")].filter(e => {
  if (e.getBoundingClientRect().right <= innerWidth + 1 || !e.checkVisibility()) return false;
  for (let p = e; p && p.tagName !== "ARTICLE"; p = p.parentElement)
    if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return false;
  return !e.closest("mjx-assistive-mml");
}).slice(0, 5).map(e => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 60)}`)"""
