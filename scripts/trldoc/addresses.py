"""Addresses: where a thing of TRL stands on this site, and which class a slug means.

Knows the library. Does not know pages, nor whether a page exists.
"""

from __future__ import annotations

from .library import Library, LibraryError, closest


def source_href(release: str, path: str, line: int | None = None) -> str:
    """Address of a file of a release from the site's root, e.g. `source/1.16.0/trl/core.py.html#L3`."""
    return f"source/{release}/{path}.html" + (f"#L{line}" if line else "")


def reference_href(library: Library, dotted: str) -> str:
    """Address of `Config.field` in the reference, from the site's root. The page is named by the config's module."""
    config, _, name = dotted.rpartition(".")
    symbol = library.find(config)
    slug = symbol.path.rsplit("/", 1)[-1].removesuffix("_config.py")
    return f"reference/{slug}/#{symbol.qualname}.{name}"


def trainer_of(library: Library, slug: str) -> str:
    """The reference of a slug's trainer class: the one class named `…Trainer` in `<slug>_trainer.py`."""
    paths = [path for path in library.files if path.endswith(f"/{slug}_trainer.py")]
    stable = [path for path in paths if "/experimental/" not in path] or paths
    if not stable:
        stems = [path.rsplit("/", 1)[-1].removesuffix("_trainer.py") for path in library.files if "_trainer.py" in path]
        raise LibraryError(f"trl {library.release} has no `{slug}_trainer.py`{closest(slug, stems)}")
    path = next((path for path in stable if f"/{slug}/" in path), stable[0])
    names = [name for name in library.symbols(path) if name.endswith("Trainer") and "." not in name]
    return f"{path.removesuffix('.py').replace('/', '.')}:{names[-1]}"
