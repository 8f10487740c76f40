"""Run the blocks of the pages and rewrite the output lines (`#> …`) under their prints: `update.py [PAGE …]`.

Pages are run one after the other and each is replaced in one step. A block that fails is reported and left as it is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trldoc import outputs, results
from trldoc.blocks import rewritten
from trldoc.pages import Page, PageError, read_page, read_pages
from trldoc.releases import page_release
from trldoc.runner import Result, Runner

ROOT = Path(__file__).resolve().parents[1]


def new_text(page: Page, found: list[Result]) -> str:
    """The text of `page` with the outputs that its blocks printed."""
    sources = {
        result.block.line: outputs.updated(result.block.source, list(result.printed))
        for result in found
        if result.mismatch
    }
    return rewritten(page, sources)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Update the named pages, or all. Returns 1 when a block failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path, help="pages to update; all when left out")
    named = parser.parse_args(arguments).pages
    pages = [read_page(path.resolve(), root) for path in named] or read_pages(root)
    pages = [page for page in pages if page.fences_in("python")]
    failed = 0
    for release in sorted({page_release(page, root) for page in pages}):
        with Runner(root, release) as runner:
            for page in pages:
                if page_release(page, root) == release:
                    failed += update(page, root, runner)
    return int(failed > 0)


def update(page: Page, root: Path, runner: Runner) -> int:
    """Run one page, write it again if an output changed, print what was done; returns how many blocks failed."""
    found = runner.run_page(page)
    for result in found:
        if not result.ok:
            print(result.error, file=sys.stderr)
    text = new_text(page, found)
    if text != page.text:
        results.replace(root / page.path, text)
    changed = sum(result.mismatch is not None for result in found)
    failed = sum(not result.ok for result in found)
    print(f"{page.path}: {len(found)} blocks, {changed} updated, {failed} failed", flush=True)
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PageError as error:
        sys.exit(str(error))
