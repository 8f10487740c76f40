"""MkDocs hook: tells the Markdown extension which page is written, and turns what it reports into build warnings."""

from __future__ import annotations

import logging
import re
from functools import cache
from pathlib import Path

from mkdocs.utils import get_relative_url

from trldoc import anchors, facts, fences, formulas, markdown_ext
from trldoc.library import open_release, settings
from trldoc.pages import read_page

ROOT = Path(__file__).resolve().parents[2]
IDENTIFIER = re.compile(r'\bid="([^"]+)"')
log = logging.getLogger("mkdocs.plugins.trldoc")


# A trainer's pages in the order in which they are read; those that exist are shown.
PAGES = {"Use": "index.md", "Math": "math.md", "Walkthrough": "walkthrough.md", "Example": "example.py"}


def on_config(config):
    """Fill the navigation's `Trainers` from the folders, so that a new trainer edits nothing central."""
    section = next(entry for entry in config.nav if "Trainers" in entry)
    section["Trainers"] = [trainer_nav(path.parent) for path in sorted((ROOT / "docs" / "trainers").glob("*/index.md"))]


def trainer_nav(folder: Path) -> dict:
    """One trainer's entry: its title from the front matter, and its pages."""
    slug = folder.name
    title = read_page(folder / "index.md", ROOT).meta.get("title", slug)
    scripts = {"example.py": ROOT / "examples" / f"{slug}.py"}
    entries = [
        {name: f"trainers/{slug}/{file}"}
        for name, file in PAGES.items()
        if scripts.get(file, folder / file).exists()
    ]
    if (ROOT / "docs" / "reference" / f"{slug}.md").exists():
        entries.append({"Reference": f"reference/{slug}.md"})
    return {title: entries}


def on_pre_build(config):
    """Read the lock and the formulas anew, once a build: under live reload they may have changed."""
    on_pre_build.lock = anchors.read_lock(ROOT / "docs" / "source.lock")
    on_pre_build.formulas = cache(lambda slug: formulas.load(slug, ROOT))


def on_page_markdown(markdown, page, config, files):
    """Hand the page over; the extension does the rest while MkDocs converts it."""
    path = f"docs/{page.file.src_uri}"
    offset = page.file.content_string.count("\n") - markdown.count("\n")
    release = str(page.meta.get("release") or settings(ROOT)["pinned"])

    def href(target: str) -> str:
        return target if "://" in target else get_relative_url(target, page.url)

    reported: set[str] = set()

    def report(line: int, message: str) -> None:
        if message not in reported:  # the same cause on many lines of a page is told once
            reported.add(message)
            log.warning("%s:%d: %s", path, line, message)

    markdown_ext.EXTENSION.writing = fences.Writing(
        path=path,
        meta=page.meta,
        sources=facts.Sources(ROOT, open_release(release, ROOT), on_pre_build.formulas),
        locked=on_pre_build.lock.get(path, ()),
        href=href,
        report=report,
        first_line=offset + 1,
    )
    return markdown


def on_page_content(html, page, config, files):
    """Tell MkDocs of every address on the page, those in derived HTML too, so that it finds dead links and no others."""
    page.present_anchor_ids = (page.present_anchor_ids or set()) | set(IDENTIFIER.findall(html))
    return html


def on_post_page(output, page, config):
    markdown_ext.EXTENSION.writing = None
    return output
