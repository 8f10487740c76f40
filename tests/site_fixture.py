"""The built site for the tests that read it: built when it is not there, and parsed once.

A plugin of the test modules that name it; TRLDOC_SITE points them at a site built elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from built import ROOT, Document, read


@pytest.fixture(scope="session")
def site() -> Path:
    """Folder of the built site. `make test` has just built it; a test run alone builds it when a page is newer."""
    if "TRLDOC_SITE" in os.environ:
        return Path(os.environ["TRLDOC_SITE"]).resolve()
    built, index = ROOT / "site", ROOT / "site" / "index.html"
    written = max(path.stat().st_mtime for path in [ROOT / "mkdocs.yml", *(ROOT / "docs").rglob("*")] if path.is_file())
    if not index.exists() or index.stat().st_mtime < written:
        build(built)
    return built


def build(target: Path) -> None:
    """Build the site strictly, or fail with what the build said."""
    quiet = {"PYTHONPATH": str(ROOT / "scripts"), "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **quiet}, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"the site does not build:\n{done.stdout}{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def pages(site: Path) -> list[Document]:
    """The pages people wrote or generated from text: all of the site but the TRL source and the page of a wrong address."""
    files = sorted(path for path in site.rglob("*.html") if not path.is_relative_to(site / "source"))
    return [read(path, site) for path in files if path.name != "404.html"]


@pytest.fixture(scope="session")
def source_files(site: Path) -> list[Path]:
    """The pages of TRL's source, one a file of a release; the lists of files are left out."""
    return sorted((site / "source").rglob("*.py.html"))
