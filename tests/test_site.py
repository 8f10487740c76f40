"""The built site: links and fragments lead somewhere, nothing is asked of third parties, quotes are what the wheels hold."""

from __future__ import annotations

import gzip
import html
import json
import posixpath
import re
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from built import Document, parse, wheel_lines

pytest_plugins = ["site_fixture"]

BUDGET = 150_000  # bytes a text page may transfer beyond the theme's own files and the fonts
THEME = ("assets/stylesheets/", "assets/javascripts/", "assets/images/")
REQUESTED = {"script": "src", "img": "src", "iframe": "src", "embed": "src", "source": "src", "video": "src", "audio": "src"}
REQUESTED |= {"track": "src", "object": "data", "image": "href", "use": "href", "input": "src", "form": "action"}
# The theme's bundle names two files of a CDN: one for diagrams, which no page holds, one for browsers of before 2020; its comments name sources.
IN_THE_BUNDLE = re.compile(r"https://unpkg\.com/(mermaid|resize-observer-polyfill)\b|https://github\.com/")
ROW = re.compile(r'<tr class="line[^"]*"><td class="ln"><a href="([^"]+)"[^>]*>(\d+)</a></td><td class="code"><code>(.*?)</code></td>')
SOURCE_LINE = re.compile(r'<span id="L(\d+)"><a [^>]*>\d+</a>(.*?)\n</span>', re.DOTALL)


def text(markup: str) -> str:
    """Markup without tags; note marks are ours and not TRL's."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r'<sup class="note-mark">.*?</sup>', "", markup)))


def external(address: str) -> bool:
    return urlsplit(address.strip()).netloc != ""


def source_place(address: str, document: Document) -> tuple[str, str, int] | None:
    """(release, path in the wheel, line) that a link of a page leads to, or None when it leads elsewhere."""
    target, fragment = urldefrag(address)
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(document.address), target))
    match = re.fullmatch(r"source/([^/]+)/(trl/.*\.py)\.html", joined)
    line = re.fullmatch(r"L(\d+)", fragment)
    return (match[1], match[2], int(line[1])) if match and line else None


def refuse(found: list[str]) -> None:
    """Fail with one line for each thing found."""
    if found:
        more = f"\nand {len(found) - 30} more" if len(found) > 30 else ""
        pytest.fail("\n".join(map(str, found[:30])) + more, pytrace=False)


# Links


def test_links_and_fragments_lead_somewhere(site: Path):
    lychee = shutil.which("lychee", path=Path(sys.executable).parent.as_posix()) or shutil.which("lychee")
    assert lychee, "lychee is not installed; run `make test-setup`"
    command = [lychee, "--offline", "--include-fragments", "--no-progress", "--format", "json"]
    command += ["--root-dir", str(site), "--index-files", "index.html", "**/*.html"]
    done = subprocess.run(command, cwd=site, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    broken = {
        f"{page}: {item['url'].removeprefix(site.as_uri())} ({item['status']['text']})"
        for page, items in found["error_map"].items()
        for item in items
    }
    refuse(sorted(broken))
    assert done.returncode == 0, done.stderr
    assert found["successful"] > 500, "lychee looked at next to nothing"


def test_fragments_within_a_page_exist(pages: list[Document]):
    missing = []
    for page in pages:
        known = {*page.ids, "", *(attributes["name"] for attributes in page.of("a") if "name" in attributes)}
        links = [attributes["href"] for attributes in page.of("a") if attributes.get("href", "").startswith("#")]
        missing += [f"{page.address}: {link}" for link in links if unquote(link[1:]) not in known]
    refuse(missing)


def test_links_into_the_source_hit_a_line(site: Path, pages: list[Document]):
    """Independently of the link checker: each `#L12` of a page is an id of that source page."""
    linked = {place for page in pages for attributes in page.of("a") if (place := source_place(attributes.get("href", ""), page))}
    assert linked, "no page links to the source"
    ids: dict[tuple[str, str], set[str]] = {}
    for release, path, _ in linked:
        if (release, path) not in ids:
            page = site / "source" / release / f"{path}.html"
            ids[release, path] = set(re.findall(r'id="L(\d+)"', page.read_text("utf-8"))) if page.exists() else set()
    refuse(sorted(place for place in linked if str(place[2]) not in ids[place[:2]]))


def test_links_to_github_name_a_file_and_lines_of_that_release(pages: list[Document]):
    wrong = []
    pattern = re.compile(r"https://github\.com/huggingface/trl/blob/v([\d.]+)/(trl/.+?\.py)(?:#L(\d+)(?:-L(\d+))?)?")
    for page in pages:
        for attributes in page.of("a"):
            if match := pattern.fullmatch(attributes.get("href", "")):
                try:
                    length = len(wheel_lines(match[1], match[2]))
                except (KeyError, FileNotFoundError) as error:
                    wrong.append(f"{page.address}: {match[0]} ({error})")
                    continue
                if max(int(match[3] or 1), int(match[4] or 1)) > length:
                    wrong.append(f"{page.address}: {match[0]} (the file has {length} lines)")
    refuse(wrong)


# Third parties


def test_no_page_requests_anything_from_elsewhere(site: Path, pages: list[Document], source_files: list[Path]):
    found = []
    for page in [*pages, frame(site / "404.html", site), *(frame(path, site) for path in source_files)]:
        asked = [attributes[key] for name, key in REQUESTED.items() for attributes in page.of(name) if key in attributes]
        asked += [part.split()[0] for a in page.of("img", "source") for part in a.get("srcset", "").split(",") if part.strip()]
        asked += [a["href"] for a in page.of("link") if a.get("rel") not in ("canonical", "next", "prev", "alternate")]
        asked += [address for _, a in page.tags for address in in_css(a.get("style", ""))]
        asked += [a for style in re.findall(r"<style[^>]*>(.*?)</style>", page.html, re.DOTALL) for a in in_css(style)]
        found += [f"{page.address}: {address}" for address in asked if external(address)]
    refuse(found)


def test_no_stylesheet_requests_anything_from_elsewhere(site: Path):
    found = [
        f"{path.relative_to(site)}: {address}"
        for path in site.rglob("*.css")
        for address in in_css(path.read_text("utf-8"))
        if external(address)
    ]
    refuse(found)


def test_no_script_names_a_file_elsewhere(site: Path, pages: list[Document]):
    """A static look; the browser tests see what is requested."""
    loadable = re.compile(r"(?:https?:)?//[\w.-]+\.[a-z]+/[^\"'`\s)]*?\.(?:m?js|css|woff2?|json|wasm)\b")
    inline = {page.address: "\n".join(re.findall(r"<script[^>]*>(.*?)</script>", page.html, re.DOTALL)) for page in pages}
    files = {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.js")}
    found = [
        f"{name}: {match[0]}"
        for name, script in {**inline, **files}.items()
        for match in loadable.finditer(script)
        if not (name.startswith(THEME) and IN_THE_BUNDLE.match(match[0]))
    ]
    refuse(found)
    refuse([page.address for page in pages if re.search(r'class="[^"]*\bmermaid\b', page.html)])


def in_css(css: str) -> list[str]:
    """Addresses that a stylesheet makes a browser fetch."""
    return [a.strip("\"' ") for pair in re.findall(r"url\(([^)]*)\)|@import\s+([\"'][^\"']+)", css) for a in pair if a]


def frame(path: Path, site: Path) -> Document:
    """A source page without its thousands of lines: TRL's text cannot hold tags, so only the frame can ask for anything."""
    markup = re.sub(r'<pre style="--n:\d+">.*?</pre>', "", path.read_text("utf-8"), flags=re.DOTALL)
    return parse(path.relative_to(site).as_posix(), markup)


# Pages


def test_pages_say_their_language_title_and_description(pages: list[Document]):
    wrong = []
    for page in pages:
        descriptions = [a.get("content", "").strip() for a in page.of("meta") if a.get("name") == "description"]
        said = {
            "lang": [a.get("lang") for a in page.of("html")] == ["en"],
            "title": bool(page.title),
            "description": len(descriptions) == 1 and bool(descriptions[0]),
            "one h1": len(page.of("h1")) == 1,
        }
        wrong += [f"{page.address}: {name}" for name, right in said.items() if not right]
    refuse(wrong)
    refuse([title for title, count in Counter(page.title for page in pages).items() if count > 1])


def test_source_pages_say_their_language_and_title(site: Path, source_files: list[Path]):
    documents = [frame(path, site) for path in source_files]
    refuse([d.address for d in documents if not d.title or [a.get("lang") for a in d.of("html")] != ["en"]])


def test_ids_of_a_page_are_unique(pages: list[Document]):
    twice = {page.address: [name for name, count in Counter(page.ids).items() if count > 1] for page in pages}
    refuse([f"{address}: {', '.join(names)}" for address, names in twice.items() if names])


def test_no_page_shows_a_build_error(pages: list[Document]):
    refuse([page.address for page in pages if 'class="admonition failure"' in page.html])


def test_pages_stay_light(site: Path, pages: list[Document]):
    weights = {page.address: transferred(page, site) for page in pages}
    refuse([f"{address}: {size:,} bytes, {BUDGET:,} at most" for address, size in weights.items() if size > BUDGET])


def transferred(page: Document, site: Path) -> int:
    """Gzipped bytes of a page and what it loads, without fonts and the theme's own files."""
    links = [a["href"] for a in page.of("link") if a.get("rel") in ("stylesheet", "icon")]
    links += [a["src"] for a in page.of("script", "img") if "src" in a]
    folder = posixpath.dirname(page.address)
    files = {posixpath.normpath(posixpath.join(folder, urldefrag(link)[0])) for link in links if not external(link)}
    own = [site / file for file in files if not file.startswith(THEME)]
    return sum(len(gzip.compress(data, 6)) for data in [page.html.encode(), *(file.read_bytes() for file in own)])


# Quotes


def excerpts(page: Document) -> list[str]:
    return re.findall(r'<figure class="excerpt".*?</figure>', page.html, re.DOTALL)


def test_excerpts_are_the_lines_of_the_wheel(pages: list[Document]):
    """Number by number, each row of each excerpt is the line of the released file, less one common indentation."""
    wrong, seen = [], 0
    for page in pages:
        for figure in excerpts(page):
            rows = ROW.findall(figure)
            assert rows and len(rows) == figure.count('<tr class="line'), f"{page.address}: rows could not be read"
            margins = set()
            for address, shown, code in rows:
                release, path, line = source_place(html.unescape(address), page) or pytest.fail(f"{page.address}: {address}")
                true, row = wheel_lines(release, path)[line - 1], text(code)
                seen += 1
                if int(shown) != line or true.strip() != row.strip() or not true.endswith(row):
                    wrong.append(f"{page.address}: line {shown} of {path} is `{true}`, shown is `{row}`")
                if true.strip():
                    margins.add(len(true) - len(row))
            if len(margins) > 1:
                wrong.append(f"{page.address}: the indentation from line {rows[0][1]} on is not TRL's")
    refuse(wrong)
    assert seen > 0, "no page shows an excerpt"


def test_a_copied_excerpt_says_release_file_and_lines(pages: list[Document]):
    wrong = []
    for page in pages:
        for figure in excerpts(page):
            copied = html.unescape(re.search(r'data-copy="([^"]*)"', figure)[1])
            (first, _, _), (last, _, _) = ROW.findall(figure)[0], ROW.findall(figure)[-1]
            release, path, start = source_place(html.unescape(first), page)
            end = source_place(html.unescape(last), page)[2]
            lines = textwrap.dedent("\n".join(wheel_lines(release, path)[start - 1 : end]))
            if copied != f"# trl {release}, {path}, lines {start}-{end}\n{lines}":
                wrong.append(f"{page.address}: {path} {start}-{end}")
    refuse(wrong)


def test_facts_that_name_a_line_lead_to_it(pages: list[Document]):
    """`dpo_trainer.py:1383` leads to line 1383 of a file of that name; a quoted line leads to where it stands."""
    wrong, seen = [], 0
    for page in pages:
        for address, title, body in re.findall(r'<a class="fact" href="([^"]+)" title="([^"]*)">(.*?)</a>', page.html, re.DOTALL):
            place, shown = source_place(html.unescape(address), page), text(body)
            if place is None:
                continue
            release, path, line = place
            named = re.fullmatch(r"(\w+\.py):(\d+)", shown)
            if named:
                right = path.endswith("/" + named[1]) and int(named[2]) == line
            elif f"{path}:{line} in trl" in html.unescape(title) and not title.startswith(("recorded", "raise", "warn")):
                right = wheel_lines(release, path)[line - 1].strip() == shown or f" at {path}:{line}" in title
            else:
                continue
            seen += 1
            if not right:
                wrong.append(f"{page.address}: `{shown}` leads to {path}:{line}")
    refuse(wrong)
    assert seen > 0, "no page names a line"


def test_source_pages_hold_the_files_of_the_wheel(site: Path, source_files: list[Path]):
    """Every line of every file, with its number as its id; and every Python file of the release has its page."""
    wrong, releases = [], set()
    for page in source_files:
        release, path = page.relative_to(site / "source").as_posix().removesuffix(".html").split("/", 1)
        releases.add(release)
        rows = SOURCE_LINE.findall(page.read_text("utf-8"))
        lines = wheel_lines(release, path)
        lines = lines[:-1] if lines[-1] == "" else lines
        if [int(number) for number, _ in rows] != list(range(1, len(lines) + 1)):
            wrong.append(f"{path} of {release}: {len(rows)} lines shown, {len(lines)} released")
        elif tuple(text(row) for _, row in rows) != lines:
            first = next(n for n, ((_, row), line) in enumerate(zip(rows, lines, strict=True), 1) if text(row) != line)
            wrong.append(f"{path} of {release} differs from line {first} on")
    refuse(wrong)
    assert releases, "there is no source on the site"
