"""Definitions: a class, function or module of a release with the classes it inherits from, transformers' included.

Reads wheels as text and imports nothing of them. Does not know docstrings, pages or records.
"""

from __future__ import annotations

import ast
import re
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from trldoc.declarations import ancestry
from trldoc.library import Library, LibraryError, settings

GITHUB = "https://github.com/huggingface/transformers/blob/v{release}/{path}"


@dataclass(frozen=True)
class Definition:
    """Where something is defined. `path` is as the wheel names it; `url` is that file at the release's tag."""

    name: str
    node: ast.ClassDef | ast.FunctionDef | ast.Module
    source: str
    path: str
    url: str

    @property
    def doc(self) -> str:
        return ast.get_docstring(self.node) or ""

    @property
    def package(self) -> str:
        return self.path.split("/")[0]

    def link(self, line: int) -> str:
        return f"{self.url}#L{line}"


def of_module(library: Library, path: str) -> Definition:
    """A module of a TRL release."""
    return Definition(path, library.tree(path), library.files[path], path, library.github(path))


def of_symbol(library: Library, path: str, qualname: str) -> Definition:
    """A class or function of a TRL release. Raises LibraryError when the file has none of that name."""
    symbol = library.find(f"{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}:{qualname}")
    return Definition(qualname, library.node(symbol), library.files[path], path, library.github(path))


def chain(library: Library, path: str, name: str, root: Path) -> tuple[Definition, ...]:
    """A class after those it inherits from, the furthest first: TRL's own, before them what transformers defines."""
    own = of_symbol(library, path, name)
    symbols = ancestry(library, f"{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}:{name}")
    found = [of_symbol(library, symbol.path, symbol.qualname) for symbol in symbols[1:]]
    outside = [base for definition in (own, *found) for base in _from_transformers(definition, root)]
    return (*reversed(outside), *reversed(found), own)


def _from_transformers(definition: Definition, root: Path) -> list[Definition]:
    tree = ast.parse(definition.source)
    imported = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "transformers"
        for alias in node.names
    }
    names = [ast.unparse(base).rsplit(".", 1)[-1] for base in definition.node.bases]
    release, files = transformers(root)
    found = []
    for name in (imported[name] for name in names if name in imported):
        path = next((path for path, text in files.items() if re.search(rf"^class {name}\b", text, re.MULTILINE)), None)
        if path is not None:
            tree = _parsed(files[path])
            node = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
            found.append(Definition(name, node, files[path], path, GITHUB.format(release=release, path=path)))
    return found


@cache
def transformers(root: Path) -> tuple[str, dict[str, str]]:
    """Version of the locked transformers, and the modules at its top as text. Raises LibraryError when not fetched."""
    version = settings(root)["sources"]["transformers"]["version"]
    wheel = root / ".cache" / "wheels" / f"transformers-{version}-py3-none-any.whl"
    if not wheel.exists():
        raise LibraryError(f"the wheel of transformers {version} is not at {wheel.relative_to(root)}; run `make setup`")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(r"transformers/\w+\.py", name)]
        return version, {name: archive.read(name).decode("utf-8") for name in names}


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)
