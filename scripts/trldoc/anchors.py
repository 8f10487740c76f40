"""Anchors: quoted lines of TRL resolved to true line numbers, and the lock that notices when a quote's text changed.

Knows the library and the pages. Does not know how an excerpt looks, nor what a record says about it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from .library import Library, LibraryError, Symbol
from .pages import Fence, PageError

WHOLE = "whole"
SYNTAX = "symbol, first quoted line, last quoted line"


class QuoteError(LookupError):
    """A quote that does not resolve; the message shows the closest line."""


@dataclass(frozen=True)
class Note:
    """A remark tied to the line that holds `fragment`."""

    fragment: str
    text: str


@dataclass(frozen=True)
class Quote:
    """What an author writes to show lines of TRL: a symbol, and the first and last line as text."""

    symbol: str
    first: str
    last: str
    after: str | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Span:
    """Resolved lines of a release, both ends inclusive and counted from 1."""

    release: str
    symbol: Symbol
    start: int
    end: int
    text: str = field(repr=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def read_quote(fence: Fence) -> Quote:
    """The quote a `trl` fence holds. Raises PageError when its lines cannot be read."""
    rows = [row.strip() for row in fence.body.splitlines() if row.strip()]
    notes = tuple(_note(row, fence) for row in rows if row.startswith("note:"))
    after = [row.removeprefix("after:").strip() for row in rows if row.startswith("after:")]
    rows = [row for row in rows if not row.startswith(("note:", "after:"))]
    if not 2 <= len(rows) <= 3:
        raise PageError(fence.path, fence.line, f"a trl fence holds {SYNTAX}; this one holds {len(rows)} lines")
    return Quote(rows[0], rows[1], rows[-1], after[0] if after else None, notes)


def _note(row: str, fence: Fence) -> Note:
    parts = row.removeprefix("note:").strip().split('"', 2)
    if len(parts) != 3 or parts[0] or not parts[1] or not parts[2].strip():
        raise PageError(fence.path, fence.line, f'a note is written `note: "quoted part of a line" text`, got `{row}`')
    return Note(parts[1], parts[2].strip())


def resolve(quote: Quote, library: Library) -> Span:
    """Find the quoted lines in the symbol. Raises QuoteError or LibraryError with the closest match."""
    symbol = library.find(quote.symbol)
    start, end = symbol.start, symbol.end
    if quote.first != WHOLE:
        begin = symbol.start
        if quote.after is not None:
            begin = _only(quote.after, library, symbol, symbol.start) + 1
        start = _only(quote.first, library, symbol, begin, ordered=quote.after is not None)
        end = start
        if quote.last != quote.first:
            matches = _matches(quote.last, library, symbol, start + 1)
            if not matches:
                raise QuoteError(_lost(quote.last, library, symbol, start + 1))
            end = matches[0]
    return Span(library.release, symbol, start, end, "\n".join(library.lines(symbol.path)[start - 1 : end]))


def locate(symbol: str, fragment: str, library: Library, after: str | None = None) -> tuple[Symbol, int]:
    """The one line of `symbol` that holds `fragment`, or the first one after the line that holds `after`.

    A line that begins with the words wins over one that contains them.
    """
    found = library.find(symbol)
    begin = found.start if after is None else _only(after, library, found, found.start) + 1
    return found, _only(fragment, library, found, begin, ordered=after is not None)


def _matches(text: str, library: Library, symbol: Symbol, begin: int) -> list[int]:
    lines = library.lines(symbol.path)
    numbers = range(begin, symbol.end + 1)
    exact = [number for number in numbers if lines[number - 1].strip() == text]
    starting = [number for number in numbers if lines[number - 1].strip().startswith(text)]
    return exact or starting or [number for number in numbers if text in lines[number - 1]]


def _only(text: str, library: Library, symbol: Symbol, begin: int, ordered: bool = False) -> int:
    matches = _matches(text, library, symbol, begin)
    if not matches:
        raise QuoteError(_lost(text, library, symbol, begin))
    if len(matches) > 1 and not ordered:
        places = ", ".join(map(str, matches[:6]))
        raise QuoteError(
            f"`{text}` stands {len(matches)} times in `{symbol.qualname}` of trl {library.release} "
            f"(lines {places}); quote more of the line, or say after which earlier line it stands: "
            "`after: that line` in an excerpt, the line as a last argument of a fact"
        )
    return matches[0]


def _lost(text: str, library: Library, symbol: Symbol, begin: int) -> str:
    rows = {row.strip(): n for n, row in enumerate(library.lines(symbol.path)[begin - 1 : symbol.end], begin)}
    near = difflib.get_close_matches(text, list(rows), n=1, cutoff=0.4)
    hint = f"; closest is line {rows[near[0]]}: `{near[0]}`" if near else ""
    return (
        f"`{text}` is not in `{symbol.qualname}` of trl {library.release} (lines {begin}–{symbol.end}){hint}. "
        "Quote the line as it stands now, then run `make relock`"
    )


@dataclass(frozen=True)
class Locked:
    """What the lock remembers of a quote: where it stood and a digest of its text."""

    release: str
    symbol: str
    first: str
    last: str
    lines: str
    digest: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.symbol, self.first, self.last


def lock_entry(quote: Quote, span: Span) -> Locked:
    return Locked(span.release, quote.symbol, quote.first, quote.last, f"{span.start}-{span.end}", span.digest)


def read_lock(path: Path) -> dict[str, tuple[Locked, ...]]:
    """Page path → its locked quotes. A missing lock is an empty one: every quote is then new."""
    if not path.exists():
        return {}
    pages = json.loads(path.read_text(encoding="utf-8"))
    return {page: tuple(Locked(**entry) for entry in entries) for page, entries in pages.items()}


def write_lock(path: Path, pages: dict[str, tuple[Locked, ...]]) -> None:
    """Write the lock in one step, one line an entry, so that a half-written file cannot be left behind."""
    rows = []
    for page in sorted(pages):
        entries = ",\n".join("  " + json.dumps(vars(entry), ensure_ascii=False) for entry in pages[page])
        rows.append(f" {json.dumps(page)}: [\n{entries}\n ]")
    partial = path.with_suffix(".lock.partial")
    partial.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    partial.replace(path)


def check_lock(quote: Quote, span: Span, locked: tuple[Locked, ...]) -> str | None:
    """What is wrong between a resolved quote and the lock, or None. A quote that only moved is right."""
    entry = next((entry for entry in locked if entry.key == lock_entry(quote, span).key), None)
    if entry is None:
        return f"the excerpt of `{quote.symbol}` is not in docs/source.lock; run `make relock`"
    if entry.digest != span.digest:
        return (
            f"the excerpt of `{quote.symbol}` (lines {span.start}–{span.end}) changed since docs/source.lock was written "
            f"for trl {entry.release}; read it again, then run `make relock`"
        )
    return None


__all__ = [
    "Locked", "Note", "Quote", "QuoteError", "Span", "LibraryError", "check_lock", "locate", "lock_entry",
    "read_lock", "read_quote", "resolve", "write_lock",
]  # fmt: skip
