"""Griffe extension: gives classes, functions and commands of an unpacked TRL release the sections of `reference`.

Knows Griffe's objects and where releases are unpacked. Does not parse anything itself.
"""

from __future__ import annotations

from pathlib import Path

import griffe

from trldoc import definitions, reference
from trldoc.hf_markdown import Links
from trldoc.library import open_release

ROOT = Path(__file__).resolve().parents[2]
RELEASES = ROOT / ".cache" / "trl"
MANUAL = "https://github.com/huggingface/trl/blob/v{release}/docs/source"


class Table(griffe.DocstringSectionParameters):
    """A titled table of rows; the template `docstring/parameters.html.jinja` draws it."""

    def __init__(self, section: reference.Section):
        super().__init__(list(section.rows), section.title)
        self.anchor, self.closed = section.anchor, section.closed


class Prepared(griffe.Docstring):
    """A docstring whose sections come from the source of the release, made when a page asks for them."""

    def __init__(self, obj: griffe.Object):
        value = obj.docstring.value if obj.docstring else ""
        super().__init__(value, parent=obj)

    def parse(self, parser=None, **options) -> list[griffe.DocstringSection]:
        return [
            Table(section) if section.rows else griffe.DocstringSectionText(section.text)
            for section in sections(self.parent)
        ]


def sections(obj: griffe.Object) -> tuple[reference.Section, ...]:
    """The sections of a class, function or module. Raises LibraryError when a wheel it needs was never fetched."""
    release, *parts = Path(obj.filepath).resolve().relative_to(RELEASES).parts
    library, path = open_release(release, ROOT), "/".join(parts)
    links = Links(frozenset(library.definitions), MANUAL.format(release=release))
    if obj.is_module:
        return reference.of_command(definitions.of_module(library, path), links)
    if obj.is_class:
        return reference.of_class(definitions.chain(library, path, obj.name, ROOT), links)
    return reference.of_function(definitions.of_symbol(library, path, obj.name), links)


class TrlDocstrings(griffe.Extension):
    """Attach prepared docstrings to what the unpacked releases define at the top of their modules."""

    def on_module(self, *, mod: griffe.Module, **kwargs) -> None:
        self._attach(mod)

    def on_class(self, *, cls: griffe.Class, **kwargs) -> None:
        self._attach(cls)

    def on_function(self, *, func: griffe.Function, **kwargs) -> None:
        self._attach(func)

    def _attach(self, obj: griffe.Object) -> None:
        place = obj.filepath
        top = obj.is_module or (obj.parent is not None and obj.parent.is_module)
        if top and isinstance(place, Path) and place.resolve().is_relative_to(RELEASES):
            obj.docstring = Prepared(obj)
