"""Library: one release of TRL as text and syntax trees, read from its wheel.

Knows files, symbols and addresses of a release. Does not import trl or torch, and knows nothing of pages or records.
"""

from __future__ import annotations

import ast
import difflib
import re
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

GITHUB = "https://github.com/huggingface/trl/blob/v{release}/{path}"
DEFINITION = re.compile(r"^(?:async )?(?:def|class) (\w+)", re.MULTILINE)


class LibraryError(LookupError):
    """Something asked of a release that it does not hold; the message offers the closest match."""


@dataclass(frozen=True)
class Symbol:
    """A class or function: `path` in the wheel, `qualname` as Python says it, lines counted from 1, both inclusive."""

    path: str
    qualname: str
    start: int
    end: int

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def reference(self) -> str:
        """The unambiguous way to ask for it again."""
        return f"{self.module}:{self.qualname}"


@dataclass(frozen=True)
class Library:
    """The Python files of one release, path in the wheel → text."""

    release: str
    files: dict[str, str]

    def __hash__(self) -> int:
        return hash(self.release)

    @cached_property
    def definitions(self) -> dict[str, list[str]]:
        """Name of a top-level class or function → paths that define it."""
        found: dict[str, list[str]] = {}
        for path, text in self.files.items():
            for name in dict.fromkeys(DEFINITION.findall(text)):
                found.setdefault(name, []).append(path)
        return found

    def lines(self, path: str) -> list[str]:
        return _lines(self, path)

    def tree(self, path: str) -> ast.Module:
        return _tree(self, path)

    def symbols(self, path: str) -> dict[str, Symbol]:
        """Qualified name → symbol, for every class and function of a file, nested functions included."""
        return _symbols(self, path)

    def node(self, symbol: Symbol) -> ast.AST:
        """The syntax tree of a symbol."""
        return _nodes(self, symbol.path)[symbol.qualname]

    def find(self, reference: str) -> Symbol:
        """Resolve `Class.method`, `function`, or `package.module:Qual.name` when the bare name is not unique.

        A stable definition wins over experimental ones of the same name.
        Raises LibraryError with the closest name, or with the candidates of an ambiguous one.
        """
        module, _, qualname = reference.rpartition(":")
        top = qualname.split(".")[0]
        if module:
            stem = module.replace(".", "/")
            paths = [path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in self.files]
            if not paths:
                known = [path.removesuffix(".py").replace("/", ".") for path in self.files]
                raise LibraryError(f"trl {self.release} has no module `{module}`{closest(module, known)}")
        else:
            paths = self.definitions.get(top, [])
            stable = [path for path in paths if "/experimental/" not in path]
            paths = stable if len(stable) == 1 else paths  # what most readers mean by the bare name
            if len(paths) > 1:
                ways = ", ".join(f"`{path.removesuffix('.py').replace('/', '.')}:{qualname}`" for path in paths)
                raise LibraryError(f"`{top}` is defined {len(paths)} times in trl {self.release}; write one of {ways}")
            if not paths:
                known = closest(top, self.definitions)
                raise LibraryError(f"trl {self.release} defines no `{top}` at top level{known}")
        symbols = self.symbols(paths[0])
        if qualname not in symbols:
            raise LibraryError(f"{paths[0]} of trl {self.release} has no `{qualname}`{closest(qualname, symbols)}")
        return symbols[qualname]

    def github(self, path: str, start: int | None = None, end: int | None = None) -> str:
        """Address of a file, or of lines in it, at the release's tag."""
        anchor = "" if start is None else f"#L{start}" + (f"-L{end}" if end and end != start else "")
        return GITHUB.format(release=self.release, path=path) + anchor


def closest(name: str, known) -> str:
    """`; closest is …` for a message, or nothing when no name comes near."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; closest is `{match[0]}`" if match else ""


@lru_cache(maxsize=None)
def open_release(release: str, root: Path) -> Library:
    """Read a release's wheel from the cache of `root`. Raises LibraryError when it was never fetched."""
    wheel = wheel_path(release, root)
    if not wheel.exists():
        known = ", ".join(settings(root)["wheels"])
        raise LibraryError(
            f"the wheel of trl {release} is not at {wheel.relative_to(root)}; run `make setup` "
            f"(releases listed in pyproject.toml: {known})"
        )
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("trl/") and name.endswith(".py"))
        return Library(release, {name: archive.read(name).decode("utf-8") for name in names})


def wheel_path(release: str, root: Path) -> Path:
    return root / ".cache" / "wheels" / f"trl-{release}-py3-none-any.whl"


@lru_cache(maxsize=None)
def settings(root: Path) -> dict:
    """The `[tool.trldoc]` table of pyproject.toml: `pinned`, and `wheels` (release → sha256)."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["trldoc"]


def pinned(root: Path) -> Library:
    """The release that pages speak of unless their front matter says otherwise."""
    return open_release(settings(root)["pinned"], root)


@lru_cache(maxsize=None)
def _lines(library: Library, path: str) -> list[str]:
    return library.files[path].split("\n")


@lru_cache(maxsize=None)
def _tree(library: Library, path: str) -> ast.Module:
    return ast.parse(library.files[path])


@lru_cache(maxsize=None)
def _nodes(library: Library, path: str) -> dict[str, ast.AST]:
    found: dict[str, ast.AST] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                found[prefix + child.name] = child
                visit(child, prefix + child.name + ".")
            elif isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):  # expressions hold no definitions
                visit(child, prefix)

    visit(library.tree(path), "")
    return found


@lru_cache(maxsize=None)
def _symbols(library: Library, path: str) -> dict[str, Symbol]:
    return {
        qualname: Symbol(path, qualname, min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno)
        for qualname, node in _nodes(library, path).items()
    }
