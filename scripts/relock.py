"""The verb behind `make relock`: resolve every quote again, say what moved and changed, and write docs/source.lock."""

from __future__ import annotations

import sys
from pathlib import Path

from trldoc import anchors
from trldoc.library import LibraryError, open_release, settings
from trldoc.pages import read_pages

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    path = ROOT / "docs" / "source.lock"
    before, after, lost = anchors.read_lock(path), {}, []
    counts = {"unchanged": 0, "moved": 0, "changed": 0, "new": 0}
    for page in read_pages(ROOT):
        entries = []
        for fence in page.fences_in("trl"):
            release = fence.attributes.get("release") or str(page.meta.get("release") or settings(ROOT)["pinned"])
            quote = anchors.read_quote(fence)
            try:
                span = anchors.resolve(quote, open_release(release, ROOT))
            except (anchors.QuoteError, LibraryError) as error:
                lost.append(f"{page.path}:{fence.line}: {error}")
                continue
            entry = anchors.lock_entry(quote, span)
            old = next((old for old in before.get(page.path, ()) if old.key == entry.key), None)
            what = compare(old, entry)
            counts[what] += 1
            if what in {"moved", "changed"}:
                print(f"{what:8} {page.path}:{fence.line}: {quote.symbol} {old.lines} -> {entry.lines}")
            entries.append(entry)
        if entries:
            after[page.path] = tuple(dict.fromkeys(entries))
    for message in lost:
        print(f"lost     {message}")
    if lost:
        print(f"{len(lost)} quotes are lost; docs/source.lock was left as it was")
        return 1
    anchors.write_lock(path, after)
    print(f"docs/source.lock: {', '.join(f'{n} {what}' for what, n in counts.items())}")
    return 0


def compare(old: anchors.Locked | None, new: anchors.Locked) -> str:
    """unchanged, moved (same text elsewhere), changed (other text), or new."""
    if old is None:
        return "new"
    if old.digest != new.digest:
        return "changed"
    return "unchanged" if old.lines == new.lines else "moved"


if __name__ == "__main__":
    sys.exit(main())
