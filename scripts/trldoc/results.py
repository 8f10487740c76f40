"""Results: what came of the blocks of a page when they last ran, kept in the repository by content key.

Knows the file of a page's results and what makes one valid. Does not run anything; a build reads it without torch.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One run of one block that did what its page says."""

    ok: bool
    seconds: float
    date: str  # YYYY-MM-DD
    device: str  # "cpu" or the name of an accelerator
    weights: str  # "stand-in" or "real"
    versions: dict[str, str]  # library -> version


def results_path(page: str, root: Path) -> Path:
    """Where the results of the page at `page` (relative to the repository) are kept."""
    return root / "examples" / "records" / "blocks" / (page.removesuffix(".md").replace("/", "-") + ".json")


def load(page: str, root: Path) -> dict[str, Entry]:
    """Content key -> entry; empty for a page that never ran. Raises ValueError for a file that is no results file."""
    path = results_path(page, root)
    if not path.is_file():
        return {}
    try:
        return {key: Entry(**entry) for key, entry in json.loads(path.read_text("utf-8")).items()}
    except (TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no results of blocks ({error}); remove it and run `make test`") from None


def status(key: str, results: Mapping[str, Entry], versions: Mapping[str, str]) -> str:
    """`verified`: ran as it stands with these versions. `outdated`: with others. `missing`: not as it stands."""
    entry = results.get(key)
    if entry is None or not entry.ok:
        return "missing"
    same = all(entry.versions.get(name) == wanted for name, wanted in versions.items())
    return "verified" if same else "outdated"


def merged(
    old: Mapping[str, Entry], passed: Mapping[str, Entry], failed: Iterable[str], on_page: Iterable[str]
) -> dict[str, Entry]:
    """The entries to keep after a run: those of blocks that are on the page and did not fail, sorted by key.

    An old entry stays when a new one says nothing else of weight, so that a second run changes nothing, and so that a run on
    stand-in weights does not replace one on real weights.
    """
    wanted, broken = set(on_page), set(failed)
    kept = {key: entry for key, entry in old.items() if key in wanted - broken}
    for key, entry in passed.items():
        before = kept.get(key)
        repeated = before and before.ok and before.versions == entry.versions
        if not (repeated and (before.weights == "real" or entry.weights == "stand-in")):
            kept[key] = entry
    return dict(sorted(kept.items()))


def save(page: str, root: Path, entries: Mapping[str, Entry]) -> bool:
    """Write the results of a page unless they are written already. Returns whether the file changed."""
    path = results_path(page, root)
    text = json.dumps({key: asdict(entry) for key, entry in entries.items()}, indent=1, sort_keys=True) + "\n"
    if not entries:
        existed = path.is_file()
        path.unlink(missing_ok=True)
        return existed
    if path.is_file() and path.read_text("utf-8") == text:
        return False
    replace(path, text)
    return True


def replace(path: Path, text: str) -> None:
    """Put `text` in place of the file at `path` in one step, so that nobody sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(draft, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
