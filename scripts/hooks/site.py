"""MkDocs hook: tells the Markdown extension which page is written, and turns what it reports into build warnings."""

from __future__ import annotations

import logging
from pathlib import Path

from mkdocs.utils import get_relative_url
from trldoc import anchors, facts, fences, formulas, markdown_ext
from trldoc.library import open_release, settings

ROOT = Path(__file__).resolve().parents[2]
log = logging.getLogger("mkdocs.plugins.trldoc")


def on_pre_build(config):
    """Read the lock anew: under live reload it may have changed."""
    on_pre_build.lock = anchors.read_lock(ROOT / "docs" / "source.lock")


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
        sources=facts.Sources(ROOT, open_release(release, ROOT), lambda slug: formulas.load(slug, ROOT)),
        locked=on_pre_build.lock.get(path, ()),
        href=href,
        report=report,
        first_line=offset + 1,
    )
    return markdown


def on_post_page(output, page, config):
    markdown_ext.EXTENSION.writing = None
    return output
