"""Pages: front matter and fences of a Markdown file, with exact offsets.

Knows Markdown's fence syntax and YAML front matter. Does not know TRL, records, MkDocs or what a fence means.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import yaml

OPENING = re.compile(r"^(?P<indent>[ \t]*)(?P<marks>`{3,}|~{3,})(?P<info>[^\n]*)$")
QUOTED_FENCE = re.compile(r"^[ \t]*>[ \t>]*(`{3,}|~{3,})")
FRONT_MATTER = re.compile(r"\A---\n(?P<yaml>.*?)\n---\n", re.DOTALL)


class PageError(ValueError):
    """A page that cannot be read: says where, what was expected and what repairs it."""

    def __init__(self, path: str | Path, line: int, message: str):
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = str(path), line, message


@dataclass(frozen=True)
class Fence:
    """One fenced block. Offsets count characters of the file; lines count from 1."""

    language: str
    attributes: dict[str, str]
    body: str  # without the fence's own indentation, with a final newline unless empty
    path: str
    line: int  # of the opening marks
    indent: str
    start: int  # offset of the first character of the opening line
    end: int  # offset after the last character of the closing line, newline excluded
    words: tuple[str, ...] = ()  # positional words after the language

    @property
    def body_line(self) -> int:
        """Line of the first line of the body."""
        return self.line + 1

    @property
    def group(self) -> str | None:
        """Blocks of a page with the same group run in one namespace, in order."""
        return self.attributes.get("group")

    @property
    def skip_reason(self) -> str | None:
        """The reason after `test="skip: …"`, or None when the block runs."""
        test = self.attributes.get("test")
        return None if test is None else test.removeprefix("skip:").strip()


@dataclass(frozen=True)
class Page:
    """A Markdown file: its front matter, its whole text (front matter included) and its fences in order."""

    path: str
    meta: dict
    text: str
    fences: tuple[Fence, ...] = field(default=())

    def fences_in(self, language: str) -> tuple[Fence, ...]:
        return tuple(fence for fence in self.fences if fence.language == language)


def read_page(path: Path, root: Path | None = None) -> Page:
    """Read the page at `path`; messages name it relative to `root`. Raises PageError."""
    name = path.relative_to(root) if root else path
    return scan(path.read_text(encoding="utf-8"), str(name))


def read_pages(root: Path) -> tuple[Page, ...]:
    """All pages under `root`/docs in order of path, those of the page template (`_template`) left out."""
    found = sorted((root / "docs").rglob("*.md"))
    return tuple(read_page(path, root) for path in found if "_template" not in path.parts)


def scan(text: str, path: str) -> Page:
    """Split `text` into front matter and fences. Raises PageError at the first thing that cannot be read."""
    return Page(path, _front_matter(text, path), text, tuple(_fences(text, path)))


def _front_matter(text: str, path: str) -> dict:
    match = FRONT_MATTER.match(text)
    if match is None:
        return {}
    try:
        meta = yaml.safe_load(match["yaml"]) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 2 + (mark.line if mark else 0)
        raise PageError(path, line, f"front matter is not YAML ({error.problem}); quote values that hold ':'") from None
    if not isinstance(meta, dict):
        raise PageError(path, 2, f"front matter must be `key: value` lines, got {type(meta).__name__}")
    return meta


def _fences(text: str, path: str):
    lines = text.split("\n")
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    number = 0
    while number < len(lines):
        line = lines[number]
        if QUOTED_FENCE.match(line):
            raise PageError(path, number + 1, "a fence inside a block quote is not run; use an admonition (`!!!`) instead")
        opening = OPENING.match(line)
        if opening is None or (opening["marks"][0] == "`" and "`" in opening["info"]):
            number += 1
            continue
        closing = _closing(lines, number, opening, path)
        indent, body = opening["indent"], lines[number + 1 : closing]
        for offset, row in enumerate(body):
            if row.strip() and not row.startswith(indent):
                raise PageError(path, number + 2 + offset, "this line is indented less than the fence that holds it")
        language, words, attributes = _info(opening["info"], path, number + 1)
        yield Fence(
            language=language,
            attributes=attributes,
            words=words,
            body="".join(row[len(indent) :] + "\n" for row in body),
            path=path,
            line=number + 1,
            indent=indent,
            start=offsets[number],
            end=offsets[closing + 1] - 1,
        )
        number = closing + 1


def _closing(lines: list[str], opened: int, opening: re.Match, path: str) -> int:
    marks = opening["marks"]
    pattern = re.compile(rf"^[ \t]*{re.escape(marks[0])}{{{len(marks)},}}[ \t]*$")
    for number in range(opened + 1, len(lines)):
        if pattern.match(lines[number]):
            return number
    raise PageError(path, opened + 1, f"the fence opened here is never closed; end it with a line `{marks}`")


def _info(info: str, path: str, line: int) -> tuple[str, tuple[str, ...], dict[str, str]]:
    if info.strip().startswith("{"):
        raise PageError(path, line, "write the fence as ```language key=value, not with braces")
    try:
        language, *rest = shlex.split(info.strip()) or [""]
    except ValueError as error:
        raise PageError(path, line, f"the fence's attributes cannot be read ({error}); check the quotes") from None
    words = tuple(word for word in rest if "=" not in word)
    attributes = dict(word.split("=", 1) for word in rest if "=" in word)
    test = attributes.get("test")
    if test is not None and not (test.startswith("skip:") and test.removeprefix("skip:").strip()):
        raise PageError(path, line, f'test="{test}" must be test="skip: the reason"')
    return language, words, attributes
