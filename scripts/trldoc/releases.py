"""Releases: which TRL release a page runs against, and that release as files that Python can import.

Knows the wheels and a page's front matter. Does not import trl, nor run anything.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from trldoc.library import settings, wheel_path
from trldoc.pages import Page


def page_release(page: Page, root: Path) -> str:
    """The TRL release a page runs against: its front matter's `release:`, else the pinned one."""
    return str(page.meta.get("release") or settings(root)["pinned"])


def unpacked(release: str, root: Path) -> Path:
    """The folder with the files of a TRL release, made from its wheel when it is first asked for."""
    final = root / ".cache" / "trl" / release
    if not final.is_dir():
        wheel = wheel_path(release, root)
        if not wheel.is_file():
            raise FileNotFoundError(f"the wheel of trl {release} is missing; run `make setup`")
        final.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=final.parent))
        try:
            zipfile.ZipFile(wheel).extractall(draft)
            draft.rename(final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return final
