"""Statuses: what a run says about a line, a block or a page, joined from records, results and the files they speak of.

Knows records, results, blocks and quotes. Does not run anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from . import anchors, records, results
from .blocks import Block, blocks
from .library import Library, Symbol, open_release, settings
from .limits import page_limits
from .pages import Fence, Page
from .render import Badge, Recorded

VERIFIED = "verified/"


def recorded(root: Path, example: str, symbol: Symbol, library: Library) -> Recorded:
    """What the record of `example` (or `example/variant`) holds for `symbol`, at the lines of this release.

    Raises RecordError when there is no record, it is stale, or it never traced the symbol.
    """
    name, _, variant = example.partition("/")
    record = records.load(records.record_path(name, root))
    state = records.status(record, root, settings(root)["pinned"])
    if state.name in ("missing", "stale"):
        raise records.RecordError(f"record `{name}` is {state.name}: {state.why}; run `make record EX={name}`")
    if variant and variant not in record.variants:
        raise records.RecordError(f"record `{name}` has no variant `{variant}`; it has {', '.join(record.variants)}")
    function = record.function(f"{symbol.module}:{symbol.qualname}", variant or None)
    if function is None:
        raise records.RecordError(f"record `{example}` did not trace `{symbol.qualname}`; run `make record EX={name}`")
    values = {
        symbol.start + line: tuple((value.name, value.text) for value in found) for line, found in function.lines.items()
    }
    which = f"call {function.call} of {function.calls}" if function.calls > 1 else "the only call"
    run = f"Recorded {record.date}: {which}, {record.weights} weights, {record.device}"
    run += f", run `{variant}`" if variant else ""
    return Recorded(values, frozenset(symbol.start + line for line in function.executed), run)


@lru_cache(maxsize=None)
def _results(path: str, root: Path, changed: float) -> dict[str, results.Entry]:
    return results.load(path, root)


def block(found: Block, release: str, root: Path, capped: int | None) -> Badge:
    """The badge beside a Python block: what ran, with what, when and how long; or why not.

    `capped`: the optimizer steps after which the runner stops training on this page, None where it does not.
    """
    if found.skip:
        return Badge("skipped", f"Not run: {found.skip}", VERIFIED)
    file = results.results_path(found.page, root)
    entries = _results(found.page, root, file.stat().st_mtime if file.exists() else 0.0)
    state = results.status(found.key, entries, {"trl": release})
    if state == "missing":
        return Badge("missing", "Not yet verified", VERIFIED)
    entry = entries[found.key]
    seconds = f"{entry.seconds:.1f} s" if entry.seconds >= 0.05 else "under 0.1 s"
    cap = f", at most {capped} steps" if entry.weights == "stand-in" and capped else ""
    ran = f"Ran as it stands: trl {entry.versions['trl']}, {entry.device}, {entry.weights} weights{cap}, {entry.date}, {seconds}"
    return Badge(state, ran if state == "verified" else ran.replace("Ran", "Outdated: ran"), VERIFIED)


@dataclass(frozen=True)
class Overview:
    """What one page claims and how much of it stands: (block, badge) and (excerpt, badge) pairs in order."""

    page: str
    title: str
    blocks: tuple[tuple[Block, Badge], ...]
    excerpts: tuple[tuple[Excerpt, Badge], ...]


@dataclass(frozen=True)
class Excerpt:
    """One quote of TRL on a page: the line of its fence, the symbol, and the lines it resolves to."""

    line: int
    symbol: str
    lines: str
    release: str


def excerpt(fence: Fence, locked: tuple[anchors.Locked, ...], release: str, root: Path) -> tuple[Excerpt, Badge]:
    """A quote resolved anew, and whether it is what the lock remembers. Raises QuoteError, LibraryError when it is lost."""
    quote = anchors.read_quote(fence)
    span = anchors.resolve(quote, open_release(fence.attributes.get("release", release), root))
    problem = anchors.check_lock(quote, span, locked)
    shown = Excerpt(fence.line, quote.symbol, f"{span.start}–{span.end}", span.release)
    record = f", values of record {fence.attributes['record']}" if "record" in fence.attributes else ""
    return shown, Badge("stale", problem) if problem else Badge("verified", f"Resolved in trl {span.release}{record}")


def overview(pages: tuple[Page, ...], root: Path) -> tuple[Overview, ...]:
    """One entry a page that holds a Python block or an excerpt, in order of path."""
    found = []
    locks = anchors.read_lock(root / "docs" / "source.lock")
    for page in pages:
        release = str(page.meta.get("release") or settings(root)["pinned"])
        capped = page_limits(page).max_steps
        held = tuple((each, block(each, release, root, capped)) for each in blocks(page, root))
        locked = locks.get(page.path, ())
        quoted = tuple(excerpt(fence, locked, release, root) for fence in page.fences_in("trl"))
        if held or quoted:
            found.append(Overview(page.path, str(page.meta.get("title", page.path)), held, quoted))
    return tuple(found)


def record_states(root: Path) -> dict[str, records.Status]:
    """Name of every record in the repository → whether it still holds."""
    folder = root / "examples" / "records"
    release = settings(root)["pinned"]
    return {
        path.stem: records.status(records.load(path), root, release) for path in sorted(folder.glob("*.json"))
    }
