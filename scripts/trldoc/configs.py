"""Configs: every field of a config class, inherited ones included, with where it is declared.

Knows definitions and signatures. Does not know pages, docstrings or records.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from . import definitions, signatures
from .library import Library, LibraryError, closest


@dataclass(frozen=True)
class Configured:
    """A field as a config has it: the nearest declaration, and the class that makes it."""

    field: signatures.Field
    home: definitions.Definition

    @property
    def place(self) -> str:
        return f"{self.home.path.rsplit('/', 1)[-1]}:{self.field.line}"


@lru_cache(maxsize=None)
def fields(library: Library, config: str, root: Path) -> dict[str, Configured]:
    """Name → field, in the order of the dataclass. Raises LibraryError for an unknown class."""
    symbol = library.find(config)
    merged: tuple[signatures.Field, ...] = ()
    home: dict[str, definitions.Definition] = {}
    for definition in definitions.chain(library, symbol.path, symbol.qualname, root):
        declared = signatures.fields(definition.node, definition.source)
        merged = signatures.inherit(merged, declared)
        home |= {field.name: definition for field in declared}
    return {field.name: Configured(field, home[field.name]) for field in merged}


def own_fields(library: Library, config: str, root: Path) -> dict[str, Configured]:
    """The fields that TRL itself declares or declares again."""
    return {name: entry for name, entry in fields(library, config, root).items() if entry.home.package == "trl"}


def find_field(library: Library, dotted: str, root: Path) -> Configured:
    """`Config.field`. Raises LibraryError with the closest field."""
    config, _, name = dotted.rpartition(".")
    known = fields(library, config, root)
    if name not in known:
        raise LibraryError(f"`{config}` of trl {library.release} has no field `{name}`{closest(name, known)}")
    return known[name]
