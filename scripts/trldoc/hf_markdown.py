"""Hugging Face Markdown, as docstrings of TRL and transformers write it, to Markdown that Python-Markdown reads.

Knows alerts, `<Tip>` blocks, references in brackets, links within a manual and loosely indented lists. Does not know
docstring sections (`trldoc.docstrings`), Griffe or MkDocs.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

ALERT = re.compile(r"^(?P<indent> *)> \[!(?P<kind>\w+)\]\s*$")
BLOCK = re.compile(r"^(?P<indent> *)<(?P<tag>Deprecated|Tip)(?P<rest>[^>]*)>\s*$")
FENCE = re.compile(r"^ *(`{3,})(\w*)")
FENCED = re.compile(r"(^ *`{3,}.*?^ *`{3,} *$)", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"^(?P<indent> *)(?:[-*]|\d+\.) ")
LINK = re.compile(
    r"\[`(?P<short>~?)(?P<path>[\w.]+)`\](?![(\[])"  # [`~package.Class.method`]
    r"|\[(?P<text>[^\]\[]+)\]\((?P<page>\w*)(?P<anchor>#[\w-]+)?\)"  # [text](page_of_the_manual#anchor)
    r"|`[^`]+`"  # code, kept as it is
)
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!etc)[.!?](?= [A-Z`]|$)")

KINDS = {"note": "note", "tip": "tip", "warning": "warning", "important": "warning", "caution": "danger"}
# TRL repeats by hand, in a note, which defaults it changes. The reference derives that list, so the note is left out.
RESTATED = "These parameters have default values different from"


@dataclass(frozen=True)
class Links:
    """Where references lead: `known` names have an anchor of that name on this site, `docs` is TRL's own manual."""

    known: frozenset[str] = frozenset()
    docs: str = ""  # URL of the folder with TRL's manual at the release, without a final slash; "" links nowhere


NOWHERE = Links()


def markdown(text: str, links: Links = NOWHERE) -> str:
    """Hugging Face Markdown as Python-Markdown: admonitions, references, links, lists; fenced code is kept."""
    lines, out, number = text.split("\n"), [], 0
    shift = None  # how far a list is moved to the left, None outside of lists
    while number < len(lines):
        line = lines[number]
        if FENCE.match(line):
            end = fence_end(lines, number)
            out += ["", *_code(lines[number:end])]
            number, shift = end, None
        elif alert := ALERT.match(line):
            end = number + 1
            while end < len(lines) and lines[end].strip():
                end += 1
            body = [re.sub(r"^ *> ?", "", row).strip() for row in lines[number + 1 : end]]
            if not " ".join(body).startswith(RESTATED):
                out += _admonition(KINDS.get(alert["kind"].lower(), "note"), "", body, links)
            number = end
        elif opened := BLOCK.match(line):
            closing = [n for n in range(number, len(lines)) if lines[n].strip() == f"</{opened['tag']}>"]
            end = closing[0] if closing else len(lines)
            kind, title = _block(opened)
            out += _admonition(kind, title, [row.strip() for row in lines[number + 1 : end]], links)
            number = end + 1
        else:
            item = ITEM.match(line)
            if item and shift is None:
                shift = len(item["indent"])
                out += [""] if out and out[-1].strip() else []
            elif shift is not None and line.strip() and _indent(line) <= shift and not item:
                shift = None if (not lines[number - 1].strip() or _indent(line) < shift) else shift
            out.append(line[min(shift, _indent(line)) :] if shift else line)
            number += 1
    parts = FENCED.split(re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n"))
    return "".join(part if number % 2 else _inline(part, links) for number, part in enumerate(parts))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def fence_end(lines: list[str], start: int) -> int:
    marks = FENCE.match(lines[start])[1]
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == marks:
            return number + 1
    return len(lines)


def _code(lines: list[str]) -> list[str]:
    """A fence, unindented. A session with prompts is `pycon`; `py` keeps other code apart from the site's own blocks."""
    rows = textwrap.dedent("\n".join(lines)).split("\n")
    if FENCE.match(rows[0])[2] == "python":
        prompts = any(row.lstrip().startswith(">>>") for row in rows)
        rows[0] = rows[0].replace("python", "pycon" if prompts else "py")
    return rows


def first_sentence(text: str) -> str:
    """The first sentence of a Markdown text, on one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return paragraph[: match.end()] if (match := SENTENCE_END.search(paragraph)) else paragraph


def _block(opened: re.Match) -> tuple[str, str]:
    if opened["tag"] == "Deprecated":
        version = re.search(r'version="([^"]+)"', opened["rest"])
        return "warning", f"Deprecated since {version[1]}" if version else "Deprecated"
    return ("warning" if "warning" in opened["rest"] else "tip"), ""


def _admonition(kind: str, title: str, body: list[str], links: Links) -> list[str]:
    inner = textwrap.indent(markdown("\n".join(body), links), "    ")
    return ["", f'!!! {kind} "{title}"' if title else f"!!! {kind}", "", inner, ""]


def _inline(text: str, links: Links) -> str:
    def replaced(match: re.Match) -> str:
        if match["path"]:
            return _reference(match["path"], bool(match["short"]), links)
        return _relative(match, links) if match["text"] else match[0]

    return LINK.sub(replaced, text)


def _reference(path: str, short: bool, links: Links) -> str:
    parts = path.split(".")
    first = next((number for number, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    target = ".".join(parts[first:])
    shown = target if short else path
    if parts[first] not in links.known:
        return f"`{shown}`"
    # `optional`: a name of TRL whose page does not exist (yet) stays plain code instead of failing the build.
    return f'<autoref identifier="{target}" optional><code>{shown}</code></autoref>'


def _relative(match: re.Match, links: Links) -> str:
    if not match["page"] or not links.docs:
        return match["text"]  # an anchor of a page we do not have
    return f"[{match['text']}]({links.docs}/{match['page']}.md{match['anchor'] or ''})"
