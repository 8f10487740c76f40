"""The verb behind the weekly check: what every quote and fact of the pages would say of another TRL, without writing it.

Knows anchors and facts. Does not touch docs/source.lock, the pin or any page: a person does, after reading the list.
`python scripts/next.py` takes the newest release of the index; `--wheel PATH` takes one on disk.
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trldoc import anchors, facts, formulas
from trldoc.library import Library, LibraryError, open_release, settings
from trldoc.pages import Page, PageError, read_pages

ROOT = Path(__file__).resolve().parents[1]
READ_FROM_TRL = {"default", "type", "field", "quote", "message", "metric", "count"}  # `line` only ever moves


@dataclass(frozen=True)
class Finding:
    """One quote or fact that another release answers differently: `kind` is moved, changed or lost."""

    kind: str
    place: str  # page:line
    what: str
    detail: str  # lines, a diff, or the message of the failure


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="a TRL wheel; without it the newest one is fetched")
    parser.add_argument("--output", type=Path, help="write the list there instead of to the screen")
    options = parser.parse_args()
    old = open_release(settings(ROOT)["pinned"], ROOT)
    with tempfile.TemporaryDirectory() as scratch:
        new = read_wheel(options.wheel or fetch_newest(Path(scratch)))
    findings = [finding for page in read_pages(ROOT) for finding in compare_page(page, old, new)]
    text = report(findings, old.release, new.release)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 1 if any(finding.kind != "moved" for finding in findings) else 0


def fetch_newest(folder: Path) -> Path:
    """The wheel of TRL's newest release. Exits with a sentence when it cannot be had."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), "trl"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    wheels = list(folder.glob("trl-*.whl"))
    if done.returncode or not wheels:
        sys.exit(f"cannot fetch the newest trl: {(done.stderr.strip().splitlines() or ['pip gave no reason'])[-1]}")
    return wheels[0]


def read_wheel(wheel: Path) -> Library:
    """A release from a wheel anywhere on disk; its name says which one it is."""
    if not wheel.is_file():
        sys.exit(f"there is no wheel at {wheel}")
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("trl/") and name.endswith(".py"))
        return Library(wheel.name.split("-")[1], {name: archive.read(name).decode("utf-8") for name in names})


def compare_page(page: Page, old: Library, new: Library) -> Iterator[Finding]:
    """What differs for the quotes and facts of a page. A page or quote that names a release of its own stays as it is."""
    if str(page.meta.get("release") or old.release) != old.release:
        return
    for fence in page.fences_in("trl"):
        if fence.attributes.get("release", old.release) == old.release:
            yield from compare_quote(anchors.read_quote(fence), f"{page.path}:{fence.line}", old, new)
    try:
        found = facts.find_facts(page)
    except PageError as error:
        yield Finding("lost", f"{page.path}:{error.line}", "facts of the page", error.message)
        return
    for start, end, verb, arguments in found:
        if verb in READ_FROM_TRL:
            place = f"{page.path}:{facts.line_of(page.text, start)}"
            yield from compare_fact(page.text[start:end], place, verb, arguments, old, new)


def compare_quote(quote: anchors.Quote, place: str, old: Library, new: Library) -> Iterator[Finding]:
    try:
        before = anchors.resolve(quote, old)
    except (anchors.QuoteError, LibraryError):  # the build says so, with the repair
        return
    try:
        after = anchors.resolve(quote, new)
    except (anchors.QuoteError, LibraryError) as error:
        yield Finding("lost", place, quote.symbol, str(error))
        return
    if before.text != after.text:
        rows = difflib.unified_diff(before.text.split("\n"), after.text.split("\n"), old.release, new.release, lineterm="", n=1)
        yield Finding("changed", place, quote.symbol, "\n".join(rows))
    elif (before.symbol.path, before.start) != (after.symbol.path, after.start):
        moved = f"{before.symbol.path}:{before.start} -> {after.symbol.path}:{after.start}"
        yield Finding("moved", place, quote.symbol, moved)


def compare_fact(text: str, place: str, verb: str, arguments: list[str], old: Library, new: Library) -> Iterator[Finding]:
    def look(library: Library) -> str:
        return facts.look_up(verb, arguments, facts.Sources(ROOT, library, lambda slug: formulas.load(slug, ROOT))).text

    try:
        before = look(old)
    except facts.FactError:  # the build says so, with the repair
        return
    try:
        after = look(new)
    except facts.FactError as error:
        yield Finding("lost", place, text, str(error))
        return
    if before != after:
        yield Finding("changed", place, text, f"- {before}\n+ {after}")


def report(findings: list[Finding], old: str, new: str) -> str:
    """The list in Markdown: counts, then what is lost, then what changed with its diff, then what only moved."""
    sorts = {kind: [finding for finding in findings if finding.kind == kind] for kind in ("lost", "changed", "moved")}
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in sorts.items())
    lines = [f"# trl {new}: what the pages for {old} need", "", f"{counts}. Moved ones need nothing but `make relock`.", ""]
    for kind in ("lost", "changed"):
        for finding in sorts[kind]:
            fence = "~~~diff" if kind == "changed" else "~~~text"
            lines += [f"### {kind}: {finding.place} `{finding.what}`", "", fence, finding.detail, "~~~", ""]
    if sorts["moved"]:
        lines += ["### moved", "", *(f"- {item.place} `{item.what}` {item.detail}" for item in sorts["moved"]), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
