"""Docstrings: Hugging Face style text to Markdown sections, entries and their groups.

Knows the conventions of TRL's and transformers' docstrings. Does not know Griffe, MkDocs, types or defaults: those
come from the code (`trldoc.signatures`), never from the prose.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import dataclass

from trldoc.hf_markdown import FENCE, NOWHERE, Links, fence_end, markdown

HEADER = re.compile(r"^(?P<name>Args|Arguments|Parameters|Attributes|Returns?|Yields|Raises|Examples?|Usage|Notes?):\s*$")
ENTRY = re.compile(r"^(?P<name>\*{0,2}\w+)\s*(?:\((?P<type>.*)\))?\s*:(?P<rest>.*)$")
GROUP = re.compile(r"^> (?P<title>[^\[].*)$")

ENTRIES = {"Args": "Parameters", "Arguments": "Parameters", "Parameters": "Parameters", "Attributes": "Attributes"}


@dataclass(frozen=True)
class Entry:
    """What a docstring says about one parameter: its name and its description as Markdown."""

    name: str
    text: str


@dataclass(frozen=True)
class Group:
    """Entries under one title: the `> …` line above them, or the section's own name."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Docstring:
    """A docstring taken apart: free Markdown text (examples and notes included) and groups of entries."""

    text: str = ""
    groups: tuple[Group, ...] = ()

    @property
    def entries(self) -> dict[str, str]:
        return {entry.name: entry.text for group in self.groups for entry in group.entries}


def parse(text: str | None, links: Links = NOWHERE) -> Docstring:
    """Take a Hugging Face docstring apart. Text outside of sections keeps its order."""
    lines = inspect.cleandoc(text or "").split("\n")
    prose, groups, number = [], [], 0
    while number < len(lines):
        header = HEADER.match(lines[number])
        if header is None:
            fence = FENCE.match(lines[number])
            end = fence_end(lines, number) if fence else number + 1
            prose += lines[number:end]
            number = end
            continue
        end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" ")):
            end += 1
        block = textwrap.dedent("\n".join(lines[number + 1 : end])).strip("\n").split("\n")
        if header["name"] in ENTRIES:
            groups += _groups(block, ENTRIES[header["name"]], links)
        else:
            prose += ["", f"**{header['name']}**", "", *_result(block, header["name"]), ""]
        number = end
    return Docstring(markdown("\n".join(prose), links), tuple(groups))


def _groups(block: list[str], title: str, links: Links) -> list[Group]:
    groups: list[tuple[str, list[Entry]]] = [(title, [])]
    name, body = None, []

    def close():
        if name is not None:
            groups[-1][1].append(Entry(name, markdown(_dedent(body), links)))

    for line in block:
        entry, heading = ENTRY.match(line), GROUP.match(line)
        if heading or entry:
            close()
            name, body = (None, []) if heading else (entry["name"], [entry["rest"].strip()])
            if heading:
                groups.append((heading["title"].strip(), []))
        else:
            body.append(line)
    close()
    return [Group(heading, tuple(entries)) for heading, entries in groups if entries]


def _result(block: list[str], section: str) -> list[str]:
    """A `Returns:` block is `type:` above an indented text; other blocks are text already."""
    if section not in ("Return", "Returns", "Yields", "Raises") or not block[0].rstrip().endswith(":"):
        return block
    return [f"{block[0].rstrip()[:-1]}:", *textwrap.dedent("\n".join(block[1:])).split("\n")]


def _dedent(body: list[str]) -> str:
    return (body[0] + "\n" + textwrap.dedent("\n".join(body[1:]))).strip("\n")
