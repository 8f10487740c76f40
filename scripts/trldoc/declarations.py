"""Declarations: what a release states in its syntax: base classes, logged metrics, messages of errors and warnings.

Knows the library. Runs nothing of it: every answer is read from a syntax tree.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

from .library import Library, LibraryError, Symbol, closest

WARNERS = {"warn", "warning", "warning_once", "error", "info"}


@dataclass(frozen=True)
class Metric:
    """A key that a trainer logs: holes of an f-string stand as `{name}`; `line` is where it is recorded."""

    key: str
    symbol: Symbol
    line: int


@dataclass(frozen=True)
class Message:
    """A text that an exception or warning carries: holes of an f-string stand as `{name}`."""

    kind: str
    text: str
    symbol: Symbol
    line: int


@lru_cache(maxsize=None)
def ancestry(library: Library, name: str) -> tuple[Symbol, ...]:
    """A class and its base classes inside the release, nearest first. Bases from other libraries are left out."""
    symbol = library.find(name)
    node = library.node(symbol)
    if not isinstance(node, ast.ClassDef):
        raise LibraryError(f"`{name}` of trl {library.release} is a function, not a class")
    chain = [symbol]
    for base in node.bases:
        reference = _imported(library, symbol, ast.unparse(base).split(".")[-1])
        if reference is not None:
            chain += ancestry(library, reference)
    return tuple(dict.fromkeys(chain))


def _imported(library: Library, symbol: Symbol, name: str) -> str | None:
    """The full reference of a class as the module of `symbol` sees it: its own, or what it imports under that name.

    None when the class comes from another library.
    """
    if name in library.symbols(symbol.path) and name != symbol.qualname:
        return f"{symbol.module}:{name}"
    package = symbol.module.split(".") if symbol.path.endswith("__init__.py") else symbol.module.split(".")[:-1]
    for node in ast.walk(library.tree(symbol.path)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    base = package[: len(package) - node.level + 1] if node.level else []
                    module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
                    stem = module.replace(".", "/")
                    if f"{stem}.py" in library.files and alias.name in library.symbols(f"{stem}.py"):
                        return f"{module}:{alias.name}"
                    if f"{stem}/__init__.py" in library.files and alias.name in library.definitions:
                        return library.find(alias.name).reference
    return None


def pattern(node: ast.expr) -> str:
    """The text of a string expression, holes written `{expression}`. A non-string is one hole."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(pattern(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value) + "}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return pattern(node.left) + pattern(node.right)
    return "{" + ast.unparse(node) + "}"


@lru_cache(maxsize=None)
def metrics(library: Library, trainer: str) -> tuple[Metric, ...]:
    """Keys written into `self._metrics[mode][…]` by a trainer and its base classes in the release, in source order."""
    found: dict[str, Metric] = {}
    for symbol in ancestry(library, trainer):
        for node in ast.walk(library.node(symbol)):
            if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript)):
                continue
            if ast.unparse(node.value.value) != "self._metrics" or not isinstance(node.slice, ast.Constant | ast.JoinedStr):
                continue
            key = pattern(node.slice)
            if key not in found or node.lineno < found[key].line:
                found[key] = Metric(key, enclosing(library, symbol.path, node.lineno), node.lineno)
    return tuple(sorted(found.values(), key=lambda metric: (metric.symbol.path, metric.line)))


def enclosing(library: Library, path: str, line: int) -> Symbol:
    """The innermost class or function around a line."""
    around = [symbol for symbol in library.symbols(path).values() if symbol.start <= line <= symbol.end]
    if not around:
        raise LibraryError(f"line {line} of {path} in trl {library.release} is in no class or function")
    return max(around, key=lambda symbol: symbol.start)


def messages(library: Library, symbol: Symbol) -> tuple[Message, ...]:
    """Texts of every raise, warning and log call inside a symbol, in source order."""
    found = []
    for node in ast.walk(library.node(symbol)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            found.append(Message(ast.unparse(node.exc.func), pattern(node.exc.args[0]), symbol, node.lineno))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WARNERS and node.args:
            kind = ast.unparse(node.args[1]) if node.func.attr == "warn" and len(node.args) > 1 else node.func.attr
            found.append(Message(kind, pattern(node.args[0]), symbol, node.lineno))
    return tuple(sorted(found, key=lambda message: message.line))


def find_message(library: Library, reference: str, fragment: str) -> Message:
    """The one message in a symbol that holds `fragment`. Raises LibraryError with the closest text."""
    known = messages(library, library.find(reference))
    matches = [message for message in known if fragment in message.text]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise LibraryError(f"`{fragment}` stands in {len(matches)} messages of `{reference}`; quote more of it")
    starts = {message.text[: len(fragment) + 20]: message for message in known}
    raise LibraryError(f"no message of `{reference}` in trl {library.release} holds `{fragment}`{closest(fragment, starts)}")


def find_metric(library: Library, trainer: str, key: str) -> Metric:
    """A key that `trainer` logs. Raises LibraryError with the closest key."""
    known = {metric.key: metric for metric in metrics(library, trainer)}
    if key not in known:
        raise LibraryError(f"`{trainer}` of trl {library.release} logs no `{key}`{closest(key, known)}")
    return known[key]
