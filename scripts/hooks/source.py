"""MkDocs hook: the TRL source goes onto the site, outside navigation and search, for each release the pages quote.

Knows the cache and the site folder. Does not know what a source page looks like: that is `trldoc.source_pages`.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

from mkdocs.exceptions import PluginError

from trldoc import source_pages
from trldoc.library import LibraryError, open_release, settings, wheel_path
from trldoc.pages import PageError, read_pages

ROOT = Path(__file__).resolve().parents[2]


def on_post_build(config):
    """Copy the pages of each quoted release into the site, from the cache where nothing changed."""
    try:
        for release in source_pages.releases(read_pages(ROOT), settings(ROOT)["pinned"]):
            shutil.copytree(rendered(release, ROOT / ".cache" / "source"), config.site_dir, dirs_exist_ok=True)
    except (LibraryError, PageError) as error:
        raise PluginError(str(error)) from None


def rendered(release: str, cache: Path) -> Path:
    """Folder of the release's pages and license; its name is the hash of all they are made from."""
    library = open_release(release, ROOT)
    made_by = [source_pages.__file__, *(ROOT / "scripts" / "trldoc" / name for name in ("library.py", "addresses.py"))]
    digest = hashlib.sha256(wheel_path(release, ROOT).read_bytes())
    for path in made_by:
        digest.update(Path(path).read_bytes())
    folder = cache / f"{release}-{digest.hexdigest()[:16]}"
    if folder.exists():
        return folder
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for address, text in source_pages.pages(library).items():
        path = partial / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (partial / "source" / release / "LICENSE.txt").write_bytes(license_text(wheel_path(release, ROOT)))
    return partial.rename(folder)


def license_text(wheel: Path) -> bytes:
    """The license file inside a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" in name and name.endswith("/LICENSE")]
        return archive.read(names[0])
