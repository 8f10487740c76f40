"""Facts: `{verb arguments}` in prose, looked up in a release of TRL or in a record, never typed.

Knows the library, declarations, anchors and records as data. Does not know Markdown beyond where facts may stand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import records
from .addresses import reference_href, source_href, trainer_of
from .anchors import QuoteError, locate
from .configs import find_field, own_fields
from .declarations import find_message, find_metric, metrics
from .library import Library, LibraryError, closest
from .pages import Page, PageError

FACT = re.compile(r"\{(?P<verb>[a-z_]+)(?: (?P<arguments>[^{}\n]+))?\}")
# Where braces mean something else: inline code, maths and comments. What begins first wins.
PROTECTED = r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)|\$\$.+?\$\$|\$[^$\n]+\$|<!--.*?-->"
TOKEN = re.compile(f"{FACT.pattern}|{PROTECTED}", re.DOTALL)


class FactError(LookupError):
    """A fact that cannot be looked up; the message offers the closest name."""


@dataclass(frozen=True)
class Fact:
    """A looked-up value: `text` to show, `code` when it is code, and where it comes from."""

    text: str
    code: bool
    title: str
    target: str | None = None  # address from the site's root, or a full address
    github: str | None = None


@dataclass(frozen=True)
class Sources:
    """What facts of one page are looked up in."""

    root: Path
    library: Library
    formulas: Callable[[str], dict]

    def line(self, path: str, number: int) -> dict[str, str]:
        """The two addresses of a line: on this site and at the release's tag."""
        return {"target": source_href(self.library.release, path, number), "github": self.library.github(path, number)}


def find_facts(page: Page) -> list[tuple[int, int, str, list[str]]]:
    """Facts of a page as (start, end, verb, arguments), offsets into its text. Raises PageError for broken quotes."""
    prose = list(page.text)
    for fence in page.fences:
        prose[fence.start : fence.end] = " " * (fence.end - fence.start)
    found = []
    for match in TOKEN.finditer("".join(prose)):
        if match["verb"] is None:
            continue
        try:
            arguments = shlex.split(match["arguments"] or "")
        except ValueError as error:
            raise PageError(page.path, line_of(page.text, match.start()), f"`{match[0]}`: {error}") from None
        found.append((match.start(), match.end(), match["verb"], arguments))
    return found


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def look_up(verb: str, arguments: list[str], sources: Sources) -> Fact:
    """The value of one fact. Raises FactError with what was expected and the closest match."""
    if verb not in VERBS:
        raise FactError(f"there is no fact `{verb}`{closest(verb, VERBS)}; known: {', '.join(sorted(VERBS))}")
    function, usage = VERBS[verb]
    try:
        return function(sources, *arguments)
    except TypeError as error:
        if "positional argument" not in str(error):
            raise
        raise FactError(f"`{{{verb}}}` is written `{{{verb} {usage}}}`") from None
    except (LibraryError, QuoteError, records.RecordError) as error:
        raise FactError(str(error)) from None


def _declaration(part: str, show: Callable) -> Callable[[Sources, str], Fact]:
    """A fact about a config's field: `show(name, field)` is its text."""

    def look(sources: Sources, dotted: str) -> Fact:
        entry = find_field(sources.library, dotted, sources.root)
        title = f"{part}{dotted}, {entry.place} in {entry.home.package}"
        text = show(dotted.rpartition(".")[2], entry.field)
        return Fact(text, True, title, reference_href(sources.library, dotted), entry.home.link(entry.field.line))

    return look


def _line(sources: Sources, symbol: str, fragment: str, after: str | None = None) -> Fact:
    found, number = locate(symbol, fragment, sources.library, after)
    text = f"{found.path.rsplit('/', 1)[-1]}:{number}"
    source = sources.library.lines(found.path)[number - 1].strip()
    return Fact(text, False, f"{source} ({found.qualname}, trl {sources.library.release})", **sources.line(found.path, number))


def _quote(sources: Sources, symbol: str, fragment: str, after: str | None = None) -> Fact:
    found, number = locate(symbol, fragment, sources.library, after)
    source = sources.library.lines(found.path)[number - 1].strip()
    title = f"{found.path}:{number} in trl {sources.library.release}"
    return Fact(source, True, title, **sources.line(found.path, number))


def _message(sources: Sources, symbol: str, fragment: str) -> Fact:
    message = find_message(sources.library, symbol, fragment)
    title = f"{message.kind} at {message.symbol.path}:{message.line} in trl {sources.library.release}"
    return Fact(message.text, False, title, **sources.line(message.symbol.path, message.line))


def _metric(sources: Sources, slug: str, key: str) -> Fact:
    metric = find_metric(sources.library, trainer_of(sources.library, slug).reference, key)
    title = f"recorded at {metric.symbol.path}:{metric.line} in trl {sources.library.release}"
    return Fact(key, True, title, **sources.line(metric.symbol.path, metric.line))


def _count(sources: Sources, what: str, name: str) -> Fact:
    counted = {
        "metrics": lambda: metrics(sources.library, trainer_of(sources.library, name).reference),
        "fields": lambda: own_fields(sources.library, name, sources.root),
        "losses": lambda: sources.formulas(name),
    }
    if what not in counted:
        raise FactError(f"cannot count `{what}`{closest(what, counted)}; known: {', '.join(counted)}")
    return Fact(str(len(counted[what]())), False, f"counted in trl {sources.library.release}")


def _release(sources: Sources) -> Fact:
    return Fact(sources.library.release, False, "the release this page speaks of")


def open_record(sources: Sources, example: str) -> records.Record:
    """The record of an example. Raises RecordError naming the command that makes it when there is none."""
    record = records.load(records.record_path(example, sources.root))
    if record is None:
        slug, weights = example.removesuffix("-real"), " WEIGHTS=real" if example.endswith("-real") else ""
        raise records.RecordError(f"there is no examples/records/{example}.json; run `make record EX={slug}{weights}`")
    return record


def _value(sources: Sources, example: str, name: str, fragment: str | None = None) -> Fact:
    """A recorded local: `name`, or `Class.method.name` when several functions have one of that name.

    Several different values of one name need the quoted line that assigns the wanted one.
    """
    record = open_record(sources, example)
    qualname, _, local = name.rpartition(".")
    found: dict[str, list[str]] = {}
    for function in record.functions:
        if qualname and function.qualname != qualname:
            continue
        line = None
        if fragment is not None:
            symbol, number = locate(f"{function.module}:{function.qualname}", fragment, sources.library)
            line = number - symbol.start
        for number, values in function.lines.items():
            if line in (None, number):
                for value in values:
                    if value.name == local:
                        found.setdefault(value.text, []).append(f"{function.qualname}+{number}")
    if not found:
        names = {value.name for function in record.functions for values in function.lines.values() for value in values}
        raise FactError(f"record `{example}` holds no `{name}`{closest(local, names)}")
    if len(found) > 1:
        ways = "; ".join(f"{text} at {', '.join(places)}" for text, places in list(found.items())[:4])
        raise FactError(f"`{name}` has several values in record `{example}` ({ways}); quote the line that assigns it")
    return Fact(next(iter(found)), True, f"{name}, recorded on {record.date} by {record.command}")


def _record(sources: Sources, example: str, dotted: str, form: str = "") -> Fact:
    record = open_record(sources, example)
    try:
        found = records.lookup(record, dotted)
    except KeyError as error:
        raise FactError(f"record `{example}`: {error.args[0]}") from None
    try:
        text = format(found, form)
    except (TypeError, ValueError):
        raise FactError(f"`{dotted}` of record `{example}` is {found!r}, which `{form}` cannot format") from None
    return Fact(text, False, f"{dotted}, recorded on {record.date} by {record.command}")


VERBS: dict[str, tuple[Callable[..., Fact], str]] = {
    "default": (_declaration("default of ", lambda name, field: field.default or "required"), "Config.field"),
    "type": (_declaration("type of ", lambda name, field: field.type or "unknown"), "Config.field"),
    "field": (_declaration("", lambda name, field: name), "Config.field"),
    "line": (_line, 'Symbol "part of the line" ["an earlier line"]'),
    "quote": (_quote, 'Symbol "part of the line" ["an earlier line"]'),
    "message": (_message, 'Symbol "part of the message"'),
    "metric": (_metric, "slug key"),
    "count": (_count, "metrics|fields|losses name"),
    "release": (_release, ""),
    "value": (_value, 'example name ["quoted line"]'),
    "record": (_record, "example dotted.path [format]"),
}
