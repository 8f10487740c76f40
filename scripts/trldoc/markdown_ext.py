"""Markdown extension: fences and inline facts of a page are expanded, and a walkthrough gets its two columns.

Knows Python-Markdown. Does not know MkDocs: whoever converts a page sets `EXTENSION.writing` first.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from .fences import Shown, Writing, expand


class TrlPreprocessor(Preprocessor):
    """Runs before every other preprocessor, so that it sees fences as the author wrote them."""

    def __init__(self, md: Markdown, extension: TrlExtension):
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        writing = self.extension.writing
        if writing is None or not writing.claim(self.md):
            return lines

        def keep(shown: Shown, block: bool) -> str:
            placeholder = self.md.htmlStash.store(shown.html)
            return f"\n{placeholder}\n" if block else placeholder

        return expand("\n".join(lines), writing, keep).split("\n")


class WalkthroughRows(Treeprocessor):
    """Puts the prose since the last excerpt beside each excerpt, on pages whose front matter says so."""

    PROSE = {"p", "ul", "ol", "h2", "h3", "h4", "dl", "blockquote"}

    def __init__(self, md: Markdown, extension: TrlExtension):
        super().__init__(md)
        self.extension = extension

    def run(self, root: ElementTree.Element) -> None:
        writing = self.extension.writing
        if writing is None or writing.meta.get("layout") != "walkthrough":
            return
        marks = {kept.strip() for kept in writing.excerpts}
        children, out, prose = list(root), [], []
        for child in children:
            text = (child.text or "").strip()
            if child.tag == "p" and text in marks:
                out.append(_row(prose, child))
                prose = []
            elif child.tag in self.PROSE and not re.fullmatch(r"\x02wzxhzdk:\d+\x03", text):
                if child.tag in {"h2", "h3"}:
                    out += prose
                    prose = []
                prose.append(child)
            else:
                out += [*prose, child]
                prose = []
        for child in children:
            root.remove(child)
        root.extend([*out, *prose])


def _row(prose: list[ElementTree.Element], code: ElementTree.Element) -> ElementTree.Element:
    row = ElementTree.Element("div", {"class": "walk-row"})
    left = ElementTree.SubElement(row, "div", {"class": "walk-prose"})
    left.extend(prose)
    right = ElementTree.SubElement(row, "div", {"class": "walk-code"})
    right.append(code)
    return row


class TrlExtension(Extension):
    """The extension; set `writing` before a page is converted."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.writing: Writing | None = None

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        md.preprocessors.register(TrlPreprocessor(md, self), "trldoc", 28)  # after whitespace is normalized (30), before fences are read (25)
        md.treeprocessors.register(WalkthroughRows(md, self), "trldoc-walkthrough", 0)


EXTENSION = TrlExtension()


def makeExtension(**kwargs) -> TrlExtension:  # noqa: N802 - Python-Markdown's name
    """One instance for the process: MkDocs makes a converter a page, and the hook tells this instance which page it is."""
    return EXTENSION
