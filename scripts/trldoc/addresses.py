"""Addresses: which trainers a release has, by slug, and where a thing of TRL stands on this site.

Knows the library. Does not know pages, nor whether a page exists.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .library import Library, LibraryError, Symbol, closest

TRAINER = re.compile(r"trl/(trainer|experimental/(?P<folder>\w+))/(?P<stem>\w+)_trainer\.py")
CLASS = re.compile(r"^class (\w+Trainer)\b", re.MULTILINE)


def source_href(release: str, path: str, line: int | None = None) -> str:
    """Address of a file of a release from the site's root, e.g. `source/1.16.0/trl/core.py.html#L3`."""
    return f"source/{release}/{path}.html" + (f"#L{line}" if line else "")


@lru_cache(maxsize=None)
def trainers(library: Library) -> dict[str, str]:
    """Slug → reference of a release's trainer class. The slug is the stem of the module, or the folder of an experimental one."""
    found: dict[str, str] = {}
    for path in sorted(library.files):
        place = TRAINER.fullmatch(path)
        if place is None or place["stem"] == "base":
            continue
        slug = place["folder"] or place["stem"]
        named = CLASS.findall(library.files[path])
        if named and (slug not in found or place["folder"] is None):  # a stable one wins over its experimental twin
            found[slug] = f"{path.removesuffix('.py').replace('/', '.')}:{named[-1]}"
    return found


def trainer_of(library: Library, slug: str) -> Symbol:
    """The trainer class of a slug. Raises LibraryError with the closest slug."""
    known = trainers(library)
    if slug not in known:
        raise LibraryError(f"trl {library.release} has no trainer `{slug}`{closest(slug, known)}")
    return library.find(known[slug])


def slug_of(path: str) -> str:
    """The slug that a file of TRL belongs to: its experimental folder, or its stem without `_trainer` and `_config`."""
    parts = path.removesuffix(".py").split("/")
    stem = parts[-1].removesuffix("_trainer").removesuffix("_config")
    return parts[2] if parts[1] == "experimental" else stem


def reference_href(library: Library, dotted: str) -> str:
    """Address of `Config.field` in the reference, from the site's root."""
    config, _, name = dotted.rpartition(".")
    symbol = library.find(config)
    return f"reference/{slug_of(symbol.path)}/#{symbol.qualname}.{name}"
