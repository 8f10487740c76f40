"""What the tests of the built site read it with: a document's tags, and the wheels it quotes. It knows no library of ours."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
WHEELS = ROOT / ".cache" / "wheels"


@dataclass(frozen=True)
class Document:
    """One HTML file: its address from the site's root, its text, its start tags in order, and its title."""

    address: str
    html: str
    tags: list[tuple[str, dict[str, str]]] = field(repr=False)
    title: str

    def of(self, *names: str) -> list[dict[str, str]]:
        """Attributes of the elements of these names."""
        return [attributes for name, attributes in self.tags if name in names]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags, self.title, self._in_title = [], "", False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._in_title = tag == "title" and not self.title

    def handle_endtag(self, tag):
        self._in_title = False

    def handle_data(self, data):
        if self._in_title:
            self.title += data


def read(path: Path, site: Path) -> Document:
    return parse(path.relative_to(site).as_posix(), path.read_text(encoding="utf-8"))


def parse(address: str, html: str) -> Document:
    reader = _Reader()
    reader.feed(html)
    return Document(address, html, reader.tags, reader.title.strip())


@cache
def wheel_lines(release: str, path: str) -> tuple[str, ...]:
    """Lines of a file as the released wheel holds them, read here by zip and by nothing of the library under test."""
    with zipfile.ZipFile(WHEELS / f"trl-{release}-py3-none-any.whl") as wheel:
        return tuple(wheel.read(path).decode("utf-8").split("\n"))
