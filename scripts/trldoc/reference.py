"""Reference: what a reference page says of a class, a function or a command, as sections of rows.

Joins signatures (types, defaults, lines) with docstrings (groups, descriptions). Does not know Griffe, MkDocs or HTML,
and reads nothing itself: definitions come in as syntax trees with the URL of their file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from trldoc import docstrings, hf_markdown, signatures
from trldoc.definitions import Definition
from trldoc.hf_markdown import Links
from trldoc.signatures import Field


@dataclass(frozen=True)
class Row:
    """One field, parameter or method. `text` and `note` are Markdown; `anchor` is the id of the row on its page."""

    name: str
    anchor: str
    type: str | None
    default: str | None
    required: bool
    text: str
    link: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """Markdown, or a titled table of rows that may start closed. `anchor` is the id of its heading."""

    title: str = ""
    rows: tuple[Row, ...] = ()
    text: str = ""
    anchor: str = ""
    closed: bool = False


def of_class(chain: tuple[Definition, ...], links: Links) -> tuple[Section, ...]:
    """The sections of the last class of `chain`, which begins with the class furthest up that could be read."""
    own = chain[-1]
    if signatures.is_dataclass(own.node):
        return (_head(own, links), *_fields(chain, links))
    return (_head(own, links, _maker(chain)), *_parameters(own, links, _maker(chain)), *_methods(chain, links))


def of_function(definition: Definition, links: Links) -> tuple[Section, ...]:
    """The sections of a function."""
    return (_head(definition, links, definition), *_parameters(definition, links, definition))


def of_command(module: Definition, links: Links) -> tuple[Section, ...]:
    """The sections of a training script of TRL's command line; () for a module that is none."""
    pairs = signatures.parsed_types(module.node)
    command = module.path.rsplit("/", 1)[-1].removesuffix(".py")
    if not pairs:
        return ()
    table = "".join(
        f"| {number} | {hf_markdown.markdown(f'[`{name}`]', links)} | `{argument}` |\n"
        for number, (argument, name) in enumerate(pairs, 1)
    )
    line = signatures.functions(module.node)["make_parser"].lineno
    text = (
        f"`trl {command}` runs [{module.path}]({module.link(1)}). Each field of these dataclasses is one option, with "
        f"its name, type and default; [`make_parser`]({module.link(line)}) names them in this order, and `main` "
        f"receives one object of each.\n\n| | Dataclass | In the script |\n|-|-|-|\n{table}\n"
        f"{hf_markdown.markdown(_without_headings(module.doc), links)}"
    )
    return (Section(text=text),)


def _maker(chain: tuple[Definition, ...]) -> Definition | None:
    """The `__init__` that a call of the last class of `chain` runs; None when no class that could be read has one."""
    for definition in reversed(chain):
        if init := signatures.functions(definition.node).get("__init__"):
            return replace(definition, node=init)
    return None


def _head(definition: Definition, links: Links, called: Definition | None = None) -> Section:
    node, parts = definition.node, []
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        parts.append(f"`class {definition.name}({bases})`" if bases else f"`class {definition.name}`")
    parts.append(f"[{definition.path}, line {node.lineno}]({definition.link(node.lineno)})")
    text = " · ".join(parts)
    if called is not None:
        params = signatures.parameters(called.node, called.source)
        text += f"\n\n```py\n{signatures.signature(definition.name, params)}\n```"
    return Section(text=f"{text}\n\n{docstrings.parse(definition.doc, links).text}")


def _fields(chain: tuple[Definition, ...], links: Links) -> Iterable[Section]:
    own, merged, texts, home = chain[-1], (), {}, {}
    for definition in chain:
        declared = signatures.fields(definition.node, definition.source)
        merged = signatures.inherit(merged, declared)
        texts |= docstrings.parse(definition.doc, links).entries
        home |= {field.name: definition for field in declared}
    foreign = {d.name for d in chain if d.package != "trl"}
    rows = {field.name: _field_row(field, own.name, texts, home[field.name], foreign) for field in merged}
    owner = {field.name: field.owner for field in merged}
    overrides = [field.name for field in merged if field.owner not in foreign and field.origin.owner in foreign]
    taken = set(overrides)
    for definition in reversed(chain):
        if definition.name in foreign:
            continue
        for group in docstrings.parse(definition.doc, links).groups:
            names = [e.name for e in group.entries if owner.get(e.name) == definition.name and e.name not in taken]
            title = group.title if definition is own else f"{group.title} (from {definition.name})"
            yield from _section(title, names, rows, own.name)
            taken.update(names)
        rest = [name for name in rows if owner[name] == definition.name and name not in taken]
        yield from _section("Parameters without a description in the docstring", rest, rows, own.name)
        taken.update(rest)
    for definition in chain:
        if definition.name in foreign:
            yield from _section(f"{definition.name} fields that TRL defines again", overrides, rows, own.name)
            names = [name for name in rows if owner[name] == definition.name]
            yield from _section(f"Inherited from {definition.name}", names, rows, own.name, closed=True)


def _field_row(field: Field, owner: str, texts: dict[str, str], home: Definition, foreign: set[str]) -> Row:
    note = ""
    if field.differs and field.origin.owner in foreign:
        note = f"Default differs from `{field.origin.owner}` (there `{field.origin.default}`)."
    elif field.differs:
        note = f"Default differs from `{field.base.owner}` (there `{field.base.default}`)."
    text = texts.get(field.name) or field.help
    if field.owner in foreign:
        text = hf_markdown.first_sentence(field.help or text)
    return _row(field, owner, text, home, note)


def _row(field: Field, owner: str, text: str, home: Definition, note: str = "") -> Row:
    required = field.default is None and not field.name.startswith("*")
    anchor = f"{owner}.{field.name.lstrip('*')}"
    return Row(field.name, anchor, field.type, field.default, required, text, home.link(field.line), note)


def _parameters(definition: Definition, links: Links, called: Definition | None) -> Iterable[Section]:
    if called is None:
        return
    texts = docstrings.parse(called.doc, links).entries | docstrings.parse(definition.doc, links).entries
    rows = {
        field.name: _row(field, definition.name, texts.get(field.name, ""), called)
        for field in signatures.parameters(called.node, called.source)
    }
    yield from _section("Parameters", list(rows), rows, definition.name)


def _methods(chain: tuple[Definition, ...], links: Links) -> Iterable[Section]:
    own, seen = chain[-1], set()
    for definition in reversed(chain):
        inherited = definition is not own
        above = chain[: chain.index(definition)]
        rows = {}
        for method in signatures.methods(definition.node, definition.source):
            if method.name in seen:
                continue
            doc = docstrings.parse(method.doc, links)
            text = hf_markdown.first_sentence(doc.text) if inherited else doc.text
            over = [d.name for d in above if method.name in signatures.functions(d.node)]
            note = f"Overrides `{over[-1]}.{method.name}`." if over and not inherited else ""
            kind, link = None if inherited else method.signature, definition.link(method.line)
            rows[method.name] = Row(method.name, f"{own.name}.{method.name}", kind, None, False, text, link, note)
        seen |= set(rows)
        title = f"Methods inherited from {definition.name}" if inherited else "Methods"
        yield from _section(title, list(rows), rows, own.name, closed=inherited)


def _section(title: str, names: list[str], rows: dict[str, Row], owner: str, closed: bool = False) -> Iterable[Section]:
    if names:
        slug = "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
        yield Section(title, tuple(rows[name] for name in names), anchor=f"{owner}-{slug}", closed=closed)


def _without_headings(doc: str) -> str:
    """Headings of a module's docstring as bold lines: the page's outline is its author's.

    The backslashes of its commands joined their lines when Python read the string: they are put back.
    """
    doc = re.sub(r" {2,}(?=--)", " \\\\\n    ", doc)
    return re.sub(r"^# (.*?):?$", r"\n**\1**\n", doc, flags=re.MULTILINE)
