"""Outputs: the `#> ` lines under the prints of a block, compared with what was printed and written anew.

Knows Python's syntax and where pytest-examples puts an output. Does not run code and does not know pages.
"""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass

from pytest_examples import CodeExample
from pytest_examples.run_code import find_print_location

OUTPUT = re.compile(r"^[ \t]*#>( .*)?$")


@dataclass(frozen=True)
class Printed:
    """What one call of print wrote, and the line of the block (from 1) that made it."""

    line: int
    text: str  # with its line end


def updated(source: str, printed: list[Printed]) -> str:
    """`source` with exactly the output lines that `printed` calls for; outputs that no print made are gone."""
    example = CodeExample.create(source)
    outputs: dict[tuple[int, int], str] = {}
    for part in printed:
        place = _place(example, part.line)
        outputs[place] = outputs.get(place, "") + part.text
    lines = source.splitlines()
    inside = _string_lines(source)  # a line of a string may look like an output
    written: list[str] = []
    by_line = {line: (column, text) for (line, column), text in outputs.items()}
    for number, line in enumerate(lines, start=1):
        if number in inside or not OUTPUT.match(line):
            written.append(line)
        if number in by_line:
            column, text = by_line[number]
            indent = " " * column
            written += [f"{indent}#> {row}".rstrip() for row in text.rstrip("\n").split("\n")]
    return "".join(line + "\n" for line in written)


def difference(source: str, printed: list[Printed], path: str, first: int) -> str | None:
    """None when the outputs of `source` are what was printed; else each wrong place as `path:line: expected, got`."""
    new = updated(source, printed)
    if new == source:
        return None
    before, after = source.splitlines(), new.splitlines()
    found = []
    for tag, start, stop, low, high in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            expected = "\n".join(before[start:stop]) or "(no output written)"
            got = "\n".join(after[low:high]) or "(nothing was printed here)"
            found.append(f"{path}:{first + start}: the output differs\nexpected:\n{expected}\ngot:\n{got}")
    return "\n".join(found) + "\nrepair with: make update"


def _place(example: CodeExample, line: int) -> tuple[int, int]:
    """Line after which the output of a print at `line` stands, and its column.

    That is where pytest-examples puts it. Where it finds no call of print (a helper printed, or the print stands in a
    `with` or `finally`), it is the end of the statement.
    """
    found = find_print_location(example, line)
    if found != (line, 0):
        return found
    around = [
        node
        for node in ast.walk(ast.parse(example.source))
        if isinstance(node, ast.stmt) and not hasattr(node, "body") and node.lineno <= line <= node.end_lineno
    ]
    return (around[-1].end_lineno, around[-1].col_offset) if around else found


def _string_lines(source: str) -> set[int]:
    """Lines that lie inside a string of several lines (its first line left out)."""
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno > node.lineno
        for line in range(node.lineno + 1, node.end_lineno + 1)
    }
