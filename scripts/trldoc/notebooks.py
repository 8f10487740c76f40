"""Notebooks: an example script as the site shows it, and the light page that is left of nbconvert's heavy one.

Knows the script's cell and region comments, a run's record, and the HTML that mkdocs-jupyter writes. Does not know MkDocs.
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag

from trldoc.records import Record

REGION = re.compile(r"^[ \t]*# --8<-- \[(?:start|end):[\w-]+\]\n?", re.MULTILINE)
TITLE = re.compile(r"\A# %% \[markdown\]\n# # .+\n")
PLAIN = ["n", "p", "w"]  # names, punctuation and space have the color of plain text: half of a page's markup
SHOWN = ".jp-MarkdownOutput, .highlight-ipynb, .jp-OutputArea-output"


class NotebookError(ValueError):
    """A script or page that cannot be shown; the message says what was expected."""


def script(text: str, path: str, record: Record | None, why_not: str = "") -> str:
    """The script as shown: without region comments, with a download link and what its recorded run printed.

    `why_not` says what is wrong with the record, if anything, e.g. `stale: dpo.py changed`. Raises NotebookError when the script has no title cell.
    """
    title, name = TITLE.match(text), path.rsplit("/", 1)[-1]
    if title is None:
        raise NotebookError(f"{path}:1: the first cell must be `# %% [markdown]` with a title line `# # …`")
    link = f"#\n# [Download {name}]({name}): the file as it ran, with comments that mark the regions other pages quote.\n"
    return REGION.sub("", text[: title.end()] + link + text[title.end() :]).rstrip() + "\n\n" + _run(record, why_not)


def _run(record: Record | None, why_not: str) -> str:
    lines = ["## What it printed {#output}", ""]
    if record is None:
        lines.append("This script has no recorded run yet.")
    else:
        versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
        if why_not:
            lines += [f"**This run is {why_not}.**", ""]
        lines += ["```bash", *record.command.replace(" --", " \\\n    --").split("\n"), "```", ""]
        lines += [f"Recorded {record.date} on {record.device}, with {record.weights} weights. {versions}.", ""]
        lines += ["```text", *record.output.rstrip().split("\n"), "```"]
    return "# %% [markdown]\n" + "".join(f"# {line}".rstrip() + "\n" for line in lines)


def slim(html: str, language: str = "python") -> str:
    """The cells of a page that mkdocs-jupyter rendered, as the site's other pages write such things.

    Style sheets, scripts, prompts and the second copy of each cell are left out. Raises NotebookError for a page
    without cells, so that a change of mkdocs-jupyter cannot empty a page.
    """
    soup = BeautifulSoup(html, "html.parser")
    found = [_shown(soup, cell, language) for cell in soup.select(SHOWN) if not cell.find_parent(class_="jp-OutputArea-output")]
    if not found:
        raise NotebookError("no cells found; does mkdocs-jupyter still write `jp-MarkdownOutput` and `highlight-ipynb`?")
    return "\n".join(found) + "\n"


def identify(tokens: list) -> None:
    """Take `{#id}` out of the titles of a table of contents and make it the id, as `slim` does for the headings."""
    for token in tokens:
        token.title, explicit = _explicit(token.title)
        token.id = explicit or token.id
        identify(token.children)


def _shown(soup: BeautifulSoup, cell: Tag, language: str) -> str:
    if "highlight-ipynb" in cell["class"]:
        return _code(cell.pre, language)
    for heading in cell.find_all(re.compile("^h[1-6]$")):
        _heading(soup, heading)
    for pre in cell.find_all("pre"):
        block = BeautifulSoup(_code(pre, "text"), "html.parser")
        (pre.find_parent(class_="highlight") or pre).replace_with(block)
    return cell.decode_contents().strip()


def _code(pre: Tag, language: str) -> str:
    inner = pre.code or pre
    for span in inner.find_all("span", class_=PLAIN):
        span.unwrap()
    body = re.sub(r"^(?:<span></span>)?\n*", "", inner.decode_contents()).rstrip()
    return f'<div class="language-{language} highlight"><pre><code>{body}\n</code></pre></div>'


def _heading(soup: BeautifulSoup, heading: Tag) -> None:
    if anchor := heading.find("a", class_="anchor-link"):
        anchor.decompose()
    last = heading.find_all(string=True)[-1]
    text, explicit = _explicit(str(last))
    if explicit:
        last.replace_with(text)
        heading["id"] = explicit
    permalink = soup.new_tag("a", attrs={"class": "headerlink", "href": f"#{heading['id']}", "title": "Permanent link"})
    permalink.string = "¶"
    heading.append(permalink)


def _explicit(title: str) -> tuple[str, str | None]:
    match = re.search(r"\s*\{#([\w-]+)\}\s*$", title)
    return (title[: match.start()], match[1]) if match else (title, None)
