"""Fences: what each kind of fence and each inline fact of a page becomes, as HTML and as plain Markdown.

Knows how to ask every other module. Does not know Python-Markdown's machinery or MkDocs: a `Writing` tells which page
is written, where links go and who hears of failures.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import PurePosixPath

from markdown import markdown

from . import anchors, catalog, facts, formulas, plots, records, render, statuses
from .blocks import Block, blocks
from .library import Library, LibraryError, closest, open_release
from .limits import page_limits
from .pages import Fence, Page, PageError, read_pages, scan
from .render import Shown


PAGE_LINK = re.compile(r'href="(?!\w+:)(?P<page>[^"#]+)\.(?:md|py)(?P<anchor>#[^"]*)?"')


@dataclass(frozen=True)
class Writing:
    """The page being written: its sources, its locked quotes, how it addresses the site, and who hears of failures."""

    path: str
    meta: dict
    sources: facts.Sources
    locked: tuple[anchors.Locked, ...]
    href: render.Href
    report: Callable[[int, str], None]  # line in the file, message
    first_line: int = 1  # line of the file at which the text handed over begins
    excerpts: list[str] = field(default_factory=list)  # what stands in place of excerpts, in order
    blocks: dict[int, Block] = field(default_factory=dict)  # line of the fence in the text → Python block

    claimed: list = field(default_factory=list)  # the one converter that writes the page

    def claim(self, converter) -> bool:
        """True for the first converter that asks: those that a page's own parts make (docstrings) are not the page."""
        if not self.claimed:
            self.claimed.append(converter)
        return self.claimed[0] is converter

    @property
    def library(self) -> Library:
        return self.sources.library


def expand(text: str, writing: Writing, keep: Callable[[Shown, bool], str]) -> str:
    """Replace every fence and fact of `text`; `keep(shown, is_block)` says what stands in its place.

    A failure is reported with its line and shown where it stands; the rest of the page goes on.
    """
    try:
        page = scan(text, writing.path)
    except PageError as error:
        writing.report(error.line + writing.first_line - 1, error.message)
        return keep(Shown(render.failure(str(error)), str(error)), True)
    try:
        writing.blocks.update({block.line: block for block in blocks(page, writing.sources.root)})
    except PageError as error:
        writing.report(error.line + writing.first_line - 1, error.message)
    pieces: list[tuple[int, int, str]] = []
    for fence in page.fences:
        if fence.language in FENCES:
            replacement = _guarded(lambda: FENCES[fence.language](fence, writing, keep), fence.line, writing, keep)
            pieces.append((fence.start, fence.end, _indent(replacement, fence.indent)))
    for start, end, verb, arguments in facts.find_facts(page):
        line = facts.line_of(text, start)
        show = lambda: keep(render.fact(facts.look_up(verb, arguments, writing.sources), writing.href), False)  # noqa: E731
        pieces.append((start, end, _guarded(show, line, writing, keep)))
    for start, end, replacement in sorted(pieces, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _guarded(make: Callable[[], str], line: int, writing: Writing, keep) -> str:
    try:
        return make()
    except (facts.FactError, LibraryError, anchors.QuoteError, records.RecordError, FenceError, PageError, formulas.FormulaError) as error:
        message = error.message if isinstance(error, PageError) else str(error)
        writing.report(line + writing.first_line - 1, message)
        return keep(Shown(render.failure(f"{writing.path}:{line + writing.first_line - 1}: {message}"), message), True)


def _indent(text: str, indent: str) -> str:
    return "\n".join(indent + row if row else row for row in text.split("\n"))


class FenceError(ValueError):
    """A fence whose content cannot be used."""


def _trl(fence: Fence, writing: Writing, keep) -> str:
    quote = anchors.read_quote(fence)
    library = writing.library
    if "release" in fence.attributes:
        library = open_release(fence.attributes["release"], writing.sources.root)
    span = anchors.resolve(quote, library)
    problem = anchors.check_lock(quote, span, writing.locked)
    if problem:
        raise anchors.QuoteError(problem)
    recorded = None
    if "record" in fence.attributes:
        recorded = statuses.recorded(writing.sources.root, fence.attributes["record"], span.symbol, library)
    shown = render.excerpt(span, library, quote.notes, recorded, writing.href, lambda text: _inline(text, writing))
    kept = keep(shown, True)
    writing.excerpts.append(kept)
    return kept


def _inline(text: str, writing: Writing) -> str:
    """Markdown of one line to HTML, facts included."""
    text = expand(text, writing, lambda shown, _: shown.html)
    options = {"pymdownx.arithmatex": {"generic": True}}
    html = markdown(text, extensions=["pymdownx.arithmatex"], extension_configs=options)
    return _page_links(html.removeprefix("<p>").removesuffix("</p>"), writing)


def _page_links(html: str, writing: Writing) -> str:
    """Links to pages (`index.md#traps`) as addresses: MkDocs resolves them in a page's text, not in what is kept aside."""
    folder = PurePosixPath(writing.path.removeprefix("docs/")).parent

    def address(match: re.Match) -> str:
        target = posixpath.normpath(str(folder / match["page"])).removesuffix("index")
        return f'href="{writing.href((target.rstrip("/") + "/").lstrip("/"))}{match["anchor"] or ""}"'

    return PAGE_LINK.sub(address, html)


def _math(fence: Fence, writing: Writing, keep) -> str:
    tex = fence.body.strip()
    label = fence.attributes.get("id")
    if not tex or not label:
        raise FenceError("a math fence is written ```math id=name with TeX in its body")
    html = f'<div class="arithmatex equation" id="{label}">\\[{escape(tex, quote=False)}\\]</div>'
    return keep(Shown(html, f"$$\n{tex}\n$$"), True)


def _formula(fence: Fence, writing: Writing, keep) -> str:
    if len(fence.words) != 1 or "." not in fence.words[0]:
        raise FenceError("a formula fence is written ```formula slug.name with one view a line in its body")
    slug, _, name = fence.words[0].partition(".")
    known = writing.sources.formulas(slug)
    if name not in known:
        raise FenceError(f"examples/formulas/{slug}.py has no formula `{name}`{closest(name, known)}")
    views = fence.body.split() or ["loss"]
    return keep(
        Shown(
            "".join(formulas.render_view(known[name], view) for view in views),
            "\n\n".join(formulas.render_markdown(known[name], view) for view in views),
        ),
        True,
    )


def _curves(fence: Fence, writing: Writing, keep) -> str:
    """Courses of logged keys over the steps of a recorded run: a row of the body is a frame, its words are keys."""
    if len(fence.words) != 1 or not fence.body.split():
        raise FenceError("a curves fence is written ```curves record with the keys of one frame on each line")
    record = facts.open_record(writing.sources, fence.words[0])
    frames = []
    for row in fence.body.split("\n"):
        lines = {key: [(e["step"], e[key]) for e in record.log_history if key in e] for key in row.split()}
        for key in (key for key, points in lines.items() if len(points) < 2):
            logged = {name for entry in record.log_history for name in entry}
            raise FenceError(f"record `{fence.words[0]}` logs no course of `{key}`{closest(key, logged)}")
        frames += [lines] if lines else []
    ends = "; ".join(f"{key} from {p[0][1]:.3g} to {p[-1][1]:.3g}" for lines in frames for key, p in lines.items())
    label = f"Logged values by training step: {ends}"
    drawing = plots.courses(label, frames, "training step")
    caption = f"Recorded {record.date}: {record.weights} weights, {record.device}."
    return keep(Shown(f'<figure class="plot">{drawing}<figcaption>{caption}</figcaption></figure>', label), True)


def _plot(fence: Fence, writing: Writing, keep) -> str:
    return keep(Shown(formulas.render_comparison(writing.sources.formulas(fence.words[0])), "(A plot of all losses is on the page.)"), True)


def _facts_box(fence: Fence, writing: Writing, keep) -> str:
    rows = catalog.quick_facts(writing.meta, writing.path, writing.sources, writing.href)
    return keep(render.facts_box(rows), True)


def _python(fence: Fence, writing: Writing, keep) -> str:
    if fence.line not in writing.blocks:
        raise FenceError("this block cannot be read, see the message about it")
    block = writing.blocks[fence.line]
    limits = page_limits(Page(writing.path, writing.meta, ""))
    title = f' title="{fence.attributes["title"]}"' if "title" in fence.attributes else ""
    status = render.badge(statuses.block(block, writing.library.release, writing.sources.root, limits.max_steps), writing.href)
    badge = Shown(f'<p class="block-status">{status}</p>', "")
    return f"```python{title}\n{block.shown}```\n\n" + keep(badge, True)


def _catalog(fence: Fence, writing: Writing, keep) -> str:
    root = writing.sources.root
    return keep(render.catalog(catalog.entries(read_pages(root), root), writing.href), True)


def _verified(fence: Fence, writing: Writing, keep) -> str:
    root = writing.sources.root
    shown = render.verification(statuses.overview(read_pages(root), root), statuses.record_states(root), writing.href)
    return keep(shown, True)


FENCES = {
    "trl": _trl,
    "math": _math,
    "formula": _formula,
    "plot": _plot,
    "curves": _curves,
    "facts": _facts_box,
    "catalog": _catalog,
    "python": _python,
    "verified": _verified,
}
