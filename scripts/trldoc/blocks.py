"""Blocks: the Python fences of a page as what runs, with the regions of files they show, their groups and content keys.

Knows pages and the marks of a region. Does not know how a block is run or what came of it; imports no torch.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from trldoc.pages import Fence, Page, PageError

SNIPPET = re.compile(r'^--8<-- "(?P<file>[^":]+)(?::(?P<region>[\w-]+))?"$')
MARK = re.compile(r"^[ \t]*# --8<-- \[(?P<end>start|end):(?P<region>[\w-]+)\][ \t]*$")
ALIASES = {"py", "py3", "python3", "pycon", "ipython"}  # spellings that a reader sees as Python and nothing would run


@dataclass(frozen=True)
class Block:
    """One Python block of a page. `source` stands in the file `path` from line `first` on (lines count from 1)."""

    page: str
    line: int  # of the fence on the page: the block's name is page:line
    path: str  # the page itself, or the file under examples/ whose region the block shows
    first: int
    source: str
    group: str  # blocks of one group share a namespace; a block without `group=` is alone in its own
    skip: str | None  # why it is not run
    key: str  # sha256 of all the code its outcome depends on: the earlier blocks of its group and its own
    fence: Fence

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def included(self) -> bool:
        """Whether the code is a region of a file."""
        return self.path != self.page

    @property
    def shown(self) -> str:
        """The code as a reader sees it: without the marks of regions inside it."""
        return "".join(line for line in self.source.splitlines(keepends=True) if not MARK.match(line))


def blocks(page: Page, root: Path) -> tuple[Block, ...]:
    """The Python blocks of `page` in order. Raises PageError for an alias of Python and for a region that is not there."""
    found: list[Block] = []
    for fence in page.fences:
        if fence.language.lower() in ALIASES:
            raise PageError(
                page.path, fence.line, f"write the fence as ```python: blocks in `{fence.language}` are not run"
            )
        if fence.language == "python":
            found.append(_block(fence, page, root, found))
    return tuple(found)


def by_group(found: tuple[Block, ...]) -> tuple[tuple[Block, ...], ...]:
    """The blocks group by group, groups in order of their first block: the order in which they run."""
    order = {group: number for number, group in reversed(list(enumerate(block.group for block in found)))}
    arranged = sorted(found, key=lambda block: order[block.group])
    return tuple(tuple(members) for _, members in groupby(arranged, key=lambda block: block.group))


def _block(fence: Fence, page: Page, root: Path, before: list[Block]) -> Block:
    path, first, source = page.path, fence.body_line, fence.body
    snippet = SNIPPET.match(fence.body.strip())
    if snippet:
        path = f"examples/{snippet['file']}"
        first, source = _region(root / path, path, snippet["region"], fence)
    group = fence.group or f"line {fence.line}"
    earlier = [block.source for block in before if block.group == group and block.skip is None]
    key = hashlib.sha256("\0".join([*earlier, source]).encode()).hexdigest()
    return Block(page.path, fence.line, path, first, source, group, fence.skip_reason, key, fence)


def _region(file: Path, path: str, region: str | None, fence: Fence) -> tuple[int, str]:
    """First line and dedented text of a region of a file, or of the whole file."""
    if not file.is_file():
        raise PageError(fence.path, fence.line, f"there is no file {path}")
    lines = file.read_text("utf-8").splitlines(keepends=True)
    if region is None:
        return 1, "".join(lines)
    marks = [MARK.match(line) for line in lines]
    where = {mark["end"]: number for number, mark in enumerate(marks) if mark and mark["region"] == region}
    if where.keys() != {"start", "end"} or where["start"] > where["end"]:
        known = sorted({mark["region"] for mark in marks if mark})
        raise PageError(
            fence.path,
            fence.line,
            f"{path} has no region `{region}` between `# --8<-- [start:{region}]` and `# --8<-- [end:{region}]`; "
            f"its regions: {', '.join(known) or 'none'}",
        )
    return where["start"] + 2, textwrap.dedent("".join(lines[where["start"] + 1 : where["end"]]))


def rewritten(page: Page, sources: dict[int, str]) -> str:
    """The text of `page` with new code in the blocks whose fences open on the given lines; all else is as it was."""
    text = page.text
    for fence in sorted(page.fences, key=lambda fence: fence.start, reverse=True):
        if fence.line in sources:
            opening, *_, closing = text[fence.start : fence.end].split("\n")
            body = [fence.indent + line if line.strip() else line for line in sources[fence.line].splitlines()]
            text = text[: fence.start] + "\n".join([opening, *body, closing]) + text[fence.end :]
    return text
