"""Signatures: fields of dataclasses and parameters of functions, with types and defaults as the source writes them.

Knows Python's syntax tree. Does not import what it reads, and knows nothing of docstrings, records or MkDocs.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import cache

EMPTY_BY_FACTORY = {"list": "[]", "dict": "{}", "set": "set()", "tuple": "()"}


@dataclass(frozen=True)
class Field:
    """A field or parameter. `type` and `default` are source text; None: no annotation, or required."""

    name: str
    type: str | None
    default: str | None
    owner: str  # the class or function that defines it
    line: int  # in the file that defines it, from 1
    help: str = ""  # the dataclass's own `metadata={"help": …}`
    base: Field | None = None  # what it overrides, in the class that inherits it

    @property
    def origin(self) -> Field:
        """The definition furthest up the chain of overrides."""
        return self if self.base is None else self.base.origin

    @property
    def differs(self) -> bool:
        """Whether the default is another value than the one at the origin."""
        return _value(self.default) != _value(self.origin.default)


@dataclass(frozen=True)
class Method:
    """A method: its name, its signature without `self`, its docstring and line."""

    name: str
    signature: str
    doc: str
    owner: str
    line: int


def classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """The classes a module defines at its top level, by name."""
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def functions(node: ast.Module | ast.ClassDef) -> dict[str, ast.FunctionDef]:
    """The functions defined directly in `node`, by name."""
    return {n.name: n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def is_dataclass(node: ast.ClassDef) -> bool:
    """Whether the class carries the `dataclass` decorator, called or not."""
    names = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return any(ast.unparse(name).rsplit(".", 1)[-1] == "dataclass" for name in names)


def fields(node: ast.ClassDef, source: str) -> tuple[Field, ...]:
    """The dataclass fields that `node` itself declares, in order; class variables and `init=False` are none."""
    found = []
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        kind, options = _type(item.annotation, source), _options(item.value)
        if kind.startswith(("ClassVar", "InitVar")) or _constant(options.get("init")) is False:
            continue
        default = _default(item.value, options, node, source)
        text = _constant(_metadata(options).get("help")) or ""
        # Help texts are argparse format strings: `%%` stands for one per-cent sign.
        found.append(Field(item.target.id, kind, default, node.name, item.lineno, text.replace("%%", "%")))
    return tuple(found)


def inherit(base: tuple[Field, ...], own: tuple[Field, ...]) -> tuple[Field, ...]:
    """The fields of a dataclass: those of `base` first, replaced in place where `own` declares them again."""
    overriding = {field.name: field for field in own}
    merged = [
        replace(overriding.pop(field.name), base=field) if field.name in overriding else field for field in base
    ]
    return (*merged, *overriding.values())


def parameters(node: ast.FunctionDef, source: str) -> tuple[Field, ...]:
    """The parameters of a function, `self` and `cls` left out; `*args` and `**kwargs` keep their stars."""
    spec = node.args
    plain = [*spec.posonlyargs, *spec.args]
    defaults = [None] * (len(plain) - len(spec.defaults)) + list(spec.defaults)
    pairs = [("", arg, default) for arg, default in zip(plain, defaults, strict=True)]
    pairs += [("*", spec.vararg, None)] if spec.vararg else []
    pairs += [("", arg, default) for arg, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    pairs += [("**", spec.kwarg, None)] if spec.kwarg else []
    return tuple(
        Field(
            name=stars + arg.arg,
            type=_type(arg.annotation, source) if arg.annotation else None,
            default=_text(default, source) if default else None,
            owner=node.name,
            line=arg.lineno,
        )
        for stars, arg, default in pairs
        if arg.arg not in ("self", "cls")
    )


def signature(name: str, params: tuple[Field, ...], returns: str | None = None) -> str:
    """`name(…)` as one would write the definition: one line when it fits 88 characters, else one parameter a line."""
    parts = []
    for param in params:
        typed = param.name if param.type is None else f"{param.name}: {param.type}"
        equals = "=" if param.type is None else " = "
        parts.append(typed if param.default is None else f"{typed}{equals}{param.default}")
    arrow = f" -> {returns}" if returns else ""
    line = f"{name}({', '.join(parts)}){arrow}"
    return line if len(line) <= 88 else f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){arrow}"


def methods(node: ast.ClassDef, source: str) -> tuple[Method, ...]:
    """The public methods that `node` itself defines, in order."""
    return tuple(
        Method(name, signature(name, parameters(item, source), _returns(item, source)), ast.get_docstring(item) or "",
               node.name, item.lineno)
        for name, item in functions(node).items()
        if not name.startswith("_")
    )  # fmt: skip


def parsed_types(tree: ast.Module) -> tuple[tuple[str, str], ...]:
    """(argument of `main`, dataclass) of a training script, in the order its parser fills them; () if it has none."""
    found = functions(tree)
    if "make_parser" not in found or "main" not in found:
        return ()
    for item in ast.walk(found["make_parser"]):
        if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "dataclass_types":
            names = (ast.unparse(element) for element in item.value.elts)
            return tuple(zip((arg.arg for arg in found["main"].args.args), names, strict=True))
    return ()


def _returns(node: ast.FunctionDef, source: str) -> str | None:
    return _type(node.returns, source) if node.returns else None


def _type(node: ast.expr, source: str) -> str:
    quoted = _constant(node)
    return quoted if isinstance(quoted, str) else _text(node, source)


def _text(node: ast.expr, source: str) -> str:
    if node.lineno != node.end_lineno:
        return ast.unparse(node)
    # Offsets count bytes. `ast.get_source_segment` splits the whole file again for every node: 100 times slower.
    return _lines(source)[node.lineno - 1][node.col_offset : node.end_col_offset].decode()


@cache
def _lines(source: str) -> list[bytes]:
    return source.encode().split(b"\n")


def _options(value: ast.expr | None) -> dict[str, ast.expr]:
    called = isinstance(value, ast.Call) and ast.unparse(value.func).rsplit(".", 1)[-1] == "field"
    return {keyword.arg: keyword.value for keyword in value.keywords} if called else {}


def _metadata(options: dict[str, ast.expr]) -> dict[str, ast.expr]:
    node = options.get("metadata")
    if not isinstance(node, ast.Dict):
        return {}
    return {_constant(key): value for key, value in zip(node.keys, node.values, strict=True)}


def _default(value: ast.expr | None, options: dict[str, ast.expr], owner: ast.ClassDef, source: str) -> str | None:
    if value is None:
        return None
    if factory := options.get("default_factory"):
        if isinstance(factory, ast.Lambda):
            return _text(factory.body, source)
        return EMPTY_BY_FACTORY.get(_text(factory, source), f"{_text(factory, source)}()")
    if options or (isinstance(value, ast.Call) and ast.unparse(value.func).rsplit(".", 1)[-1] == "field"):
        value = options.get("default")
    return None if value is None else _named(value, owner, source)


def _named(value: ast.expr, owner: ast.ClassDef, source: str) -> str:
    """A default that is a name assigned in the class body is shown as every value the body may give it."""
    if not isinstance(value, ast.Name):
        return _text(value, source)
    assigned = [n.value for n in ast.walk(owner) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == value.id]
    return " or ".join(_text(node, source) for node in assigned) or value.id


def _constant(node: ast.expr | None):
    return node.value if isinstance(node, ast.Constant) else None


def _value(text: str | None):
    try:
        return ast.literal_eval(text or "...")
    except (ValueError, SyntaxError):
        return text
