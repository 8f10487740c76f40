"""The verb behind `make browser-setup`: find the Chromium that the browser tests drive, or install Debian's.

Knows where systems keep the program. Does not start it: that is the tests' part.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
MISSING = (
    "the browser tests need Chromium and found none: install it (Debian: `apt-get install chromium`, "
    "macOS: `brew install --cask chromium`) or set CHROMIUM to the program's path"
)


def main() -> int:
    try:
        found = chromium_path()
        if found is None and can_install():
            install()
            found = chromium_path()
    except RuntimeError as error:
        sys.exit(str(error))
    if found is None:
        sys.exit(MISSING)
    print(found)
    return 0


def chromium_path() -> str | None:
    """Path of Chromium: what CHROMIUM names, else the first known name on PATH. None when there is none.

    Raises RuntimeError when CHROMIUM names something that is not a program.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise RuntimeError(f"CHROMIUM is set to {named}, which is not a program")
        return found
    return next((found for name in NAMES + PLACES if (found := shutil.which(name))), None)


def can_install() -> bool:
    """Whether this process may install Debian's package."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))


def install() -> None:
    """Install Debian's chromium. Raises RuntimeError with apt's own last line when it cannot."""
    print("installing chromium", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(command, check=False, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise RuntimeError(f"{MISSING} ({' '.join(command)} failed: {reason})")


if __name__ == "__main__":
    sys.exit(main())
