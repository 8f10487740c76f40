"""Render: resolved spans, facts, statuses and front matter to HTML, and to Markdown for the copies machines read.

Knows the dataclasses only. Does not look anything up, and does not know where a page is written.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from .addresses import source_href
from .anchors import Note, QuoteError, Span
from .facts import Fact
from .library import Library

STATES = ("verified", "outdated", "stale", "missing", "skipped")
Href = Callable[[str], str]  # address from the site's root (or a full one) → address from this page


@dataclass(frozen=True)
class Shown:
    """One thing in its two forms."""

    html: str
    markdown: str


@dataclass(frozen=True)
class Recorded:
    """What a run left on the lines of a symbol: line (of the file) → (name, text) pairs, and the lines that ran."""

    values: dict[int, tuple[tuple[str, str], ...]]
    executed: frozenset[int]
    run: str  # the run in words, for the badge


@dataclass(frozen=True)
class Badge:
    """A small status: `kind` is verified, outdated, stale, missing or skipped; `text` says it in words."""

    kind: str
    text: str
    href: str | None = None


@lru_cache(maxsize=None)
def highlighted(library: Library, path: str) -> tuple[str, ...]:
    """HTML of every line of a file, highlighted as part of the whole file so that long strings stay strings."""
    formatter = HtmlFormatter(nowrap=True)
    tokens = PythonLexer(stripnl=False).get_tokens(library.files[path])
    rows: list[list[tuple]] = [[]]
    for kind, value in tokens:
        first, *rest = value.split("\n")
        rows[-1].append((kind, first))
        for part in rest:
            rows.append([(kind, part)])
    return tuple(_row(formatter, row) for row in rows)


def _row(formatter: HtmlFormatter, row: list[tuple]) -> str:
    parts = []
    for kind, value in row:
        if value:
            css = formatter._get_css_class(kind)
            parts.append(f'<span class="{css}">{escape(value, quote=False)}</span>' if css else escape(value, quote=False))
    return "".join(parts)


def badge(status: Badge, href: Href) -> str:
    label = f'<span class="badge {status.kind}">{escape(status.text)}</span>'
    return f'<a class="badge-link" href="{escape(href(status.href))}">{label}</a>' if status.href else label


def excerpt(
    span: Span, library: Library, notes: tuple[Note, ...], recorded: Recorded | None, href: Href, inline: Callable[[str], str]
) -> Shown:
    """Lines of TRL with their true numbers, recorded values, notes and links. `inline` renders a note's Markdown.

    Raises QuoteError when a note quotes something that the span does not hold.
    """
    path, lines = span.symbol.path, library.lines(span.symbol.path)
    marks = _marks(span, lines, notes)
    shown = lines[span.start - 1 : span.end]
    margin = min((len(line) - len(line.lstrip()) for line in shown if line.strip()), default=0)
    rows = []
    for number in range(span.start, span.end + 1):
        code = _dedent(highlighted(library, path)[number - 1], margin)
        code += "".join(f'<sup class="note-mark">{mark}</sup>' for mark in marks.get(number, ()))
        state, values = "", ""
        if recorded is not None:
            ran = number in recorded.executed or not lines[number - 1].strip()
            state = " ran" if ran else " skipped"
            values = "".join(
                f'<span class="value"><b>{escape(name)}</b> {escape(text)}</span>'
                for name, text in recorded.values.get(number, ())
            )
        link = href(source_href(span.release, path, number))
        rows.append(
            f'<tr class="line{state}"><td class="ln"><a href="{link}" aria-label="line {number}">{number}</a></td>'
            f'<td class="code"><code>{code}</code></td><td class="values">{values}</td></tr>'
        )
    place = f"L{span.start}" + (f"–L{span.end}" if span.end != span.start else "")
    github = library.github(path, span.start, span.end)
    text = f"# trl {span.release}, {path}, lines {span.start}-{span.end}\n" + textwrap.dedent(span.text)
    label = f"{span.symbol.qualname}, lines {span.start} to {span.end} of {path}"
    html = (
        f'<figure class="excerpt" data-lines="{span.start}-{span.end}" data-search-exclude><figcaption>'
        f'<span class="excerpt-symbol">{escape(span.symbol.qualname)}</span> <span class="excerpt-lines">{place}</span> '
        f'<span class="excerpt-links"><a href="{href(source_href(span.release, path, span.start))}">source</a> '
        f'<a href="{github}">GitHub</a> '
        f'<button type="button" class="excerpt-copy" data-copy="{escape(text)}" title="Copy these lines">copy</button></span></figcaption>'
        f'<div class="excerpt-code" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="excerpt-table" role="presentation">{"".join(rows)}</table></div>'
    )
    if notes:
        html += '<ol class="excerpt-notes">' + "".join(f"<li>{inline(note.text)}</li>" for note in notes) + "</ol>"
    if recorded is not None:
        html += f'<p class="excerpt-run">{escape(recorded.run)}</p>'
    html += "</figure>"
    copied = f"[{span.symbol.qualname}, {path} {place}, trl {span.release}]({github})\n\n```python\n{text}\n```\n"
    copied += "".join(f"\n{number}. {note.text}" for number, note in enumerate(notes, 1))
    return Shown(html, copied)


def _marks(span: Span, lines: list[str], notes: tuple[Note, ...]) -> dict[int, list[int]]:
    marks: dict[int, list[int]] = {}
    for index, note in enumerate(notes, 1):
        holders = [n for n in range(span.start, span.end + 1) if note.fragment in lines[n - 1]]
        if not holders:
            raise QuoteError(f"the note's quote `{note.fragment}` is in none of the lines {span.start}–{span.end}")
        marks.setdefault(holders[0], []).append(index)
    return marks


def _dedent(html: str, margin: int) -> str:
    """Take `margin` leading spaces from a highlighted line; they may sit inside its first tag."""
    taken, out, index = 0, [], 0
    while index < len(html) and taken < margin:
        if html[index] == "<":
            end = html.index(">", index) + 1
            out.append(html[index:end])
            index = end
        elif html[index] == " ":
            taken, index = taken + 1, index + 1
        else:
            break
    return "".join(out) + html[index:]


def fact(found: Fact, href: Href) -> Shown:
    """A looked-up value inline, linked to where it comes from."""
    body = escape(found.text, quote=False)
    body = f"<code>{body}</code>" if found.code else body
    if found.target:
        html = f'<a class="fact" href="{escape(href(found.target))}" title="{escape(found.title)}">{body}</a>'
    else:
        html = f'<span class="fact" title="{escape(found.title)}">{body}</span>'
    text = f"`{found.text}`" if found.code else found.text
    return Shown(html, f"[{text}]({found.github})" if found.github else text)


def facts_box(rows: list[tuple[str, str]]) -> Shown:
    """The quick-facts box: (label, HTML) rows."""
    cells = "".join(f"<div><dt>{escape(label)}</dt><dd>{value}</dd></div>" for label, value in rows)
    plain = "\n".join(f"- {label}: {_plain(value)}" for label, value in rows)
    return Shown(f'<dl class="quick-facts">{cells}</dl>', plain)


def _plain(html: str) -> str:

    return re.sub(r"<[^>]+>", "", html).strip()


def verification(overviews, record_states, href: Href) -> Shown:
    """The tables of `verified.md`: records first, then every page with its blocks. Takes `statuses` values."""
    rows = [
        f"<tr><th scope='row'><code>{name}</code></th><td>{badge(Badge(state.name, state.name), href)}</td>"
        f"<td>{escape(state.why)}</td></tr>"
        for name, state in record_states.items()
    ]
    html = f"<h2 id='records'>Records</h2><table><thead><tr><th>Record</th><th>Status</th><th>What it says</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    plain = ["## Records", *(f"- {name}: {state.name}, {state.why}" for name, state in record_states.items())]
    for page in overviews:
        link = href(page.page.removeprefix("docs/").removesuffix("index.md").removesuffix(".md") + "/")
        counts = {kind: sum(1 for _, found in page.blocks if found.kind == kind) for kind in STATES}
        words = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "none"
        summary = f"{len(page.blocks)} blocks: {words}. {len(page.excerpts)} excerpts, resolved by this build."
        identifier = page.page.removeprefix("docs/").removesuffix(".md").replace("/", "-")
        html += f"<h2 id='{identifier}'><a href='{link}'>{escape(page.title)}</a></h2><p>{summary}</p>"
        plain += [f"## {page.title}", summary]
        rows = [
            f"<tr><td>{found.line}</td><td>{escape(found.fence.group or '')}</td>"
            f"<td><code>{escape(_first_line(found.shown))}</code></td><td>{badge(Badge(state.kind, state.text), href)}</td></tr>"
            for found, state in page.blocks
        ]
        html += _folded("Every block", ("Line", "Group", "Begins with", "Status"), rows)
        rows = [
            f"<tr><td>{found.line}</td><td><code>{escape(found.symbol)}</code></td><td>{found.lines}</td>"
            f"<td>{badge(state, href)}</td></tr>"
            for found, state in page.excerpts
        ]
        html += _folded("Every excerpt", ("Line", "Symbol", "Lines of TRL", "Status"), rows)
    return Shown(f"<div class='verified-pages'>{html}</div>", "\n\n".join(plain))


def catalog(entries, href: Href) -> Shown:
    """The table of all trainers, a row each. Takes `catalog.Entry` values. Cells that are judgement are front matter."""
    heads = ("Trainer", "Status", "Data", "Generates", "Needs", "Models in memory", "Paper", "Class and config", "Lines", "Builds on")
    body, plain = [], [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for entry in entries:
        meta, code = entry.meta, []
        for symbol in filter(None, (entry.trainer, entry.config)):
            place = source_href(entry.library.release, symbol.path, symbol.start)
            link = href(place) if entry.current else entry.library.github(symbol.path, symbol.start)
            code.append(f'<a href="{link}"><code>{symbol.qualname}</code></a>')
        written = f'<a href="{href(f"trainers/{entry.slug}/")}">{escape(meta["title"])}</a>' if meta else f"<code>{entry.slug}</code>"
        paper = f'<a href="https://arxiv.org/abs/{entry.paper["id"]}">{entry.paper["id"]}</a>' if entry.paper else "none named"
        judged = [escape(cell) for cell in entry.judged] or ["page not written yet", "", "", ""]
        lines = str(entry.trainer.end - entry.trainer.start + 1)
        builds = ", ".join(f"<code>{name}</code>" for name in entry.inherits)
        cells = [entry.status, *judged, paper, "<br>".join(code), lines, builds]
        body.append(f"<tr><th scope='row'>{written}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
        plain.append("| " + " | ".join(_plain(cell.replace("<br>", ", ")) for cell in [written, *cells]) + " |")
    head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
    table = f"<table class='catalog'><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return Shown(f"<div class='catalog-scroll' tabindex='0' role='region' aria-label='All trainers'>{table}</div>", "\n".join(plain))


def _folded(summary: str, heads: tuple[str, ...], rows: list[str]) -> str:
    """A closed table, or nothing where there are no rows."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<details><summary>{summary}</summary>{table}</details>" if rows else ""


def _first_line(code: str) -> str:
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from", "#"))]
    return (lines or code.splitlines() or [""])[0][:80]


def failure(message: str) -> str:
    """What a page shows in place of something that failed, so that an author sees it where it stands."""
    return f'<div class="admonition failure"><p class="admonition-title">Build error</p><p>{escape(message)}</p></div>'
