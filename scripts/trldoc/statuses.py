"""Statuses: what a run says about a line, a block or a page, joined from records, results and the files they speak of.

Knows records, results and blocks. Does not run anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import records
from .library import Library, Symbol, settings
from .render import Badge, Recorded


def recorded(root: Path, example: str, symbol: Symbol, library: Library) -> Recorded:
    """What the record of `example` holds for `symbol`, at the lines of this release.

    Raises RecordError when there is no record, it is stale, or it never traced the symbol.
    """
    name, _, variant = example.partition("/")
    record = records.load(records.record_path(name, root))
    state = records.status(record, root, settings(root)["pinned"])
    if state.name in ("missing", "stale"):
        raise records.RecordError(f"record `{name}` is {state.name}: {state.why}; run `make record EX={name}`")
    function = record.function(f"{symbol.module}:{symbol.qualname}", variant or None)
    if function is None:
        raise records.RecordError(f"record `{example}` did not trace `{symbol.qualname}`; run `make record EX={name}`")
    values = {
        symbol.start + line: tuple((value.name, value.text) for value in found) for line, found in function.lines.items()
    }
    run = f"Values: call {function.call} of {function.calls} in one run, {record.weights} weights, {record.device}, {record.date}"
    return Recorded(values, frozenset(symbol.start + line for line in function.executed), run)


@dataclass(frozen=True)
class ShownBlock:
    """A Python block as the page shows it: its text with regions expanded, and its status."""

    code: str
    badge: Badge


def block(fence, path: str, root: Path, release: str) -> ShownBlock:
    return ShownBlock(fence.body, Badge("missing", "not yet verified"))
