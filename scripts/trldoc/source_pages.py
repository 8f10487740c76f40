"""Source pages: the files of a TRL release as light, standalone HTML pages with an address for every line.

Knows a release's text and symbols, and the site's assets by name. Does not know MkDocs, where the site is written, or
which pages link here.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from html import escape
from string import Template

from .addresses import source_href
from .library import Library, Symbol
from .pages import Page

CHUNK = 100  # lines a browser may leave unrendered together; their height is known, so nothing moves when it comes
GUTTER = 6  # characters before the code: the line number and its margins
TREE = "https://github.com/huggingface/trl/tree/v{release}"

# What is set apart on a line, by CSS class: comment, string, decorator, name that is defined, keyword, constant or number.
# One expression over a whole file is an order of magnitude faster than a lexer, and a test holds it against Python's own.
TOKEN = re.compile(
    r"""(?P<c>\#[^\n]*)
    |(?P<s>(?<!\w)[rRbBfFuU]{0,2}(?:"{3}(?:\\.|[^\\])*?"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<d>^[ \t]*@[\w.]+)
    |(?P<f>(?:(?<=\bdef\ )|(?<=\bclass\ ))\w+)
    |(?P<k>\b(?:KEYWORDS)\b)
    |(?P<m>\b(?:True|False|None)\b|(?<![\w.])\d[\w.]*(?:(?<=[eE])[+-]\d+)?)""".replace(
        "KEYWORDS", "|".join(sorted(set(keyword.kwlist) - {"True", "False", "None"}))
    ),
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)

PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="${root}assets/images/favicon.png">
<link rel="stylesheet" href="${root}assets/palette.css">
<link rel="stylesheet" href="${root}assets/source.css">
<script src="${root}assets/source.js" data-root="$root"></script>
</head>
<body>
<a class="skip" href="#code">Skip to the $content</a>
<header>
<nav aria-label="Breadcrumb"><a href="${root}index.html">TRL Deep Dive</a> $crumbs</nav>
<p class="links">$links</p>
</header>
$body
<footer>trl $release, © The HuggingFace Team, under the <a href="${license}">Apache License 2.0</a>.
Shown unchanged, as in the released package.</footer>
</body>
</html>
"""
)


def pages(library: Library) -> dict[str, str]:
    """Address from the site's root → HTML, for every file of the release and the list of them."""
    made = {source_href(library.release, path): file_page(library, path) for path in library.files}
    made[f"source/{library.release}/index.html"] = index_page(library)
    return made


def releases(written: Iterable[Page], pinned: str) -> list[str]:
    """The pinned release, and each one that a page or a `trl` fence names."""
    named = {pinned}
    for page in written:
        named.add(str(page.meta.get("release") or pinned))
        named.update(fence.attributes["release"] for fence in page.fences_in("trl") if "release" in fence.attributes)
    return sorted(named, key=lambda release: [int(part) for part in release.split(".")])


def file_page(library: Library, path: str) -> str:
    """HTML of one file: `id="L12"` on line 12, an outline of its classes and functions, and links back and to GitHub."""
    lines = highlight(library.files[path])
    width = max((len(line) for line in library.lines(path)), default=0) + GUTTER
    *folders, name = path.split("/")
    crumbs = f'<a href="{"../" * path.count("/")}index.html">source {library.release}</a> '
    crumbs += "".join(f"<span>{escape(folder)}</span> " for folder in folders) + f"<h1>{escape(name)}</h1>"
    github = escape(library.github(path))
    body = (
        f"{outline(list(library.symbols(path).values()))}\n"
        f'<main id="code" tabindex="0" aria-label="{escape(path)}"><div class="lines" style="min-width:{width}ch">'
        f"{''.join(_chunks(lines))}</div></main>"
    )
    return PAGE.substitute(
        title=f"{escape(path)} · trl {library.release} · TRL Deep Dive",
        root="../" * (path.count("/") + 2),
        content="code",
        crumbs=crumbs,
        links=f'<span>{len(lines)} lines</span> <a id="github" href="{github}">GitHub, tag v{library.release}</a>',
        body=body,
        release=library.release,
        license="../" * path.count("/") + "LICENSE.txt",
    )


def index_page(library: Library) -> str:
    """HTML of the list of a release's files, one group a folder."""
    folders: dict[str, list[str]] = {}
    for path in library.files:
        folders.setdefault(path.rsplit("/", 1)[0], []).append(path)
    groups = []
    for folder, paths in sorted(folders.items()):
        rows = "".join(
            f'<li><a href="{escape(path)}.html">{escape(path.rsplit("/", 1)[1])}</a> '
            f"<span>{library.files[path].count(chr(10))} lines</span></li>"
            for path in sorted(paths)
        )
        groups.append(f"<h2>{escape(folder)}</h2><ul>{rows}</ul>")
    tree = TREE.format(release=library.release)
    return PAGE.substitute(
        title=f"Source of trl {library.release} · TRL Deep Dive",
        root="../../",
        content="list",
        crumbs=f"<strong>source {library.release}</strong>",
        links=f'<span>{len(library.files)} files</span> <a href="{tree}">GitHub, tag v{library.release}</a>',
        body=f'<main id="code" class="files"><h1>Source of trl {library.release}</h1>{"".join(groups)}</main>',
        release=library.release,
        license="LICENSE.txt",
    )


def highlight(text: str) -> list[str]:
    """HTML of each line of valid Python; a token over several lines is tagged on each of them."""
    marked = TOKEN.sub(lambda match: _tagged(match.lastgroup, match[0]), escape(text, quote=False))
    return marked.removesuffix("\n").split("\n")


def outline(symbols: list[Symbol]) -> str:
    """Nested list of the classes and functions of a file; nothing for a file that defines none."""
    children: dict[str, list[Symbol]] = {}
    for symbol in sorted(symbols, key=lambda symbol: symbol.start):
        children.setdefault(symbol.qualname.rpartition(".")[0], []).append(symbol)

    def listed(parent: str) -> str:
        items = (
            f'<li><a href="#L{symbol.start}">{escape(symbol.qualname.rpartition(".")[2])}</a>{listed(symbol.qualname)}</li>'
            for symbol in children.get(parent, ())
        )
        return f"<ul>{''.join(items)}</ul>" if parent in children else ""

    if not symbols:
        return ""
    return f'<nav class="outline" aria-label="Symbols"><details><summary>Symbols</summary>{listed("")}</details></nav>'


def _chunks(lines: list[str]) -> Iterable[str]:
    for first in range(0, len(lines), CHUNK):
        rows = lines[first : first + CHUNK]
        spans = "".join(
            f'<span id="L{number}"><a href="#L{number}" tabindex="-1">{number}</a>{row}\n</span>'
            for number, row in enumerate(rows, first + 1)
        )
        yield f'<pre style="--n:{len(rows)}">{spans}</pre>'


def _tagged(css: str, token: str) -> str:
    return "\n".join(f'<span class="{css}">{part}</span>' if part else "" for part in token.split("\n"))
