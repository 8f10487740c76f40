"""The verb behind `make bench`: how long builds and blocks take and what pages weigh, each beside its budget.

Knows the commands that build and the runner. Judges nothing but the budgets below, and is no test: time is the machine's.
Builds go to a folder of their own; fetched wheels, the stand-in hub and site/ are left alone.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
THEME = ("assets/stylesheets/", "assets/javascripts/", "assets/images/")
FRESH = """import sys
from dataclasses import asdict
import torch
from trldoc.child import limit_training, run_blocks
from trldoc.limits import Limits
import json
limit_training(asdict(Limits()), torch.accelerator.is_available())
failed = []
run_blocks(json.load(sys.stdin), lambda **event: event.get("error") and failed.append(event["error"]["traceback"]))
sys.exit("".join(failed) or 0)
"""


@dataclass(frozen=True)
class Measure:
    """One number, its unit, and the most it may be (`at least` for a ratio); None: told, not judged."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    least: bool = False

    @property
    def verdict(self) -> str:
        if self.budget is None:
            return ""
        return "ok" if (self.value >= self.budget if self.least else self.value <= self.budget) else "over"

    def row(self) -> str:
        limit = "" if self.budget is None else f"{'>=' if self.least else '<='} {self.budget:g} {self.unit}"
        return f"{self.name:<52} {self.value:>9.1f} {self.unit:<6} {limit:<12} {self.verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be given again")
    options = parser.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    print(machine, flush=True)
    measures = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for part in options.only or PARTS:
            for measure in PARTS[part](Path(folder)):
                print(measure.row(), flush=True)
                measures.append(measure)
    if options.json:
        entries = [{**asdict(measure), "verdict": measure.verdict} for measure in measures]
        options.json.write_text(json.dumps({"machine": machine, "measures": entries}, indent=1) + "\n", encoding="utf-8")
    return 0


def measure_builds(folder: Path) -> Iterator[Measure]:
    """The whole site with nothing rendered before, then again, then one page under live reload."""
    project = copy_project(folder / "project")
    yield Measure("strict build, nothing rendered before", build(project, folder / "site"), "s", 30)
    yield Measure("strict build again", build(project, folder / "site"), "s")
    yield Measure("one page under live reload", live_reload(project, "trainers/dpo/math"), "s", 3)


def copy_project(target: Path) -> Path:
    """The project without what builds rendered: sources are copied, fetched files are linked, and nothing here is touched."""
    for name in ("docs", "examples", "overrides", "scripts"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "pyproject.toml", "package.json", "package-lock.json"):
        shutil.copy(ROOT / name, target / name)
    (target / ".cache").mkdir()
    for name in ("node_modules", ".cache/wheels", ".cache/trl"):
        (target / name).symlink_to(ROOT / name)
    return target


def run_mkdocs(project: Path, *words: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(project / "scripts")}
    environment |= {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    command = [sys.executable, "-m", "mkdocs", *words]
    return subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def build(project: Path, target: Path) -> float:
    """Seconds of one strict build into `target`. Exits with what the build said when it fails."""
    started = time.monotonic()
    running = run_mkdocs(project, "build", "--strict", "--quiet", "--site-dir", str(target))
    said, _ = running.communicate()
    if running.returncode:
        sys.exit(f"the site does not build:\n{said}")
    return time.monotonic() - started


def live_reload(project: Path, name: str) -> float:
    """Seconds from saving a page until the server under `make serve` hands out the new text."""
    page, address = project / "docs" / f"{name}.md", f"{urlpath()}{name}/"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = run_mkdocs(project, "serve", "--quiet", "--no-strict", "--dev-addr", f"127.0.0.1:{port}")
    try:
        wait_for(port, address, "<html", 300)
        time.sleep(1)  # the watcher starts after the first build
        word = f"bench{time.time_ns()}"
        started = time.monotonic()
        page.write_text(page.read_text(encoding="utf-8") + f"\n{word}\n", encoding="utf-8")
        wait_for(port, address, word, 300)
        return time.monotonic() - started
    finally:
        server.terminate()
        server.communicate(timeout=60)


def urlpath() -> str:
    """The path under which the site is served: that of `site_url`."""
    found = re.search(r"^site_url: https?://[^/]+(/.*)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "/"


def wait_for(port: int, address: str, word: str, seconds: float) -> None:
    """Ask for a page until it holds `word`. Exits when it never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
            connection.request("GET", address)
            answer = connection.getresponse()
            if answer.status == 200 and word.encode() in answer.read():
                return
        except OSError:
            pass  # it does not listen yet
        finally:
            connection.close()
        time.sleep(0.05)
    sys.exit(f"the server did not answer with the page {address} within {seconds:.0f} s")


def measure_blocks(folder: Path) -> Iterator[Measure]:
    """All blocks and the example of DPO by the warm runner, and what a block costs there and in a process of its own."""
    from trldoc.blocks import by_group
    from trldoc.library import settings
    from trldoc.pages import read_pages
    from trldoc.runner import Runner

    pages = [page for page in read_pages(ROOT) if "/dpo" in page.path]
    started = time.monotonic()
    with Runner(ROOT, settings(ROOT)["pinned"]) as runner:
        results = [result for page in pages for result in runner.run_page(page)]
        blocks_done = time.monotonic()
        example = runner.run_file(ROOT / "examples" / "dpo.py", ["--output_dir", str(folder / "out")], cwd=ROOT)
        ended = time.monotonic()
        environment = runner._environment()
    ran = [result for result in results if not result.block.skip]
    failed = [f"{result.block.name}: {result.error}" for result in ran if not result.ok]
    if failed or example.code:
        sys.exit("\n".join(failed) or f"examples/dpo.py failed:\n{example.stderr}")
    yield Measure("all blocks and the example of DPO, start included", ended - started, "s", 60)
    warm = (blocks_done - started) / len(ran)
    groups = [group for group in by_group(tuple(result.block for result in ran)) if len(group) == 1]
    fresh = statistics.mean(run_fresh(group[0], environment, folder) for group in groups[:: max(1, len(groups) // SAMPLE)])
    yield Measure(f"a block, warm (mean of {len(ran)}, start included)", warm, "s")
    yield Measure(f"a block, in a process of its own (mean of {min(len(groups), SAMPLE)})", fresh, "s")
    yield Measure("how many times cheaper a warm block is", fresh / warm, "x", 5, least=True)


SAMPLE = 6  # blocks also run in a process of their own


def run_fresh(block, environment: dict[str, str], folder: Path) -> float:
    """Seconds of one block in a new Python."""
    job = json.dumps([[{"id": 0, "path": block.path, "first": block.first, "source": block.source}]])
    started = time.monotonic()
    command = [sys.executable, "-c", FRESH]
    done = subprocess.run(command, input=job, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{block.name} fails in a process of its own:\n{done.stderr}")
    return time.monotonic() - started


def measure_weights(folder: Path) -> Iterator[Measure]:
    """What a first visit of each page transfers, without fonts and beyond the theme's own files."""
    site = folder / "site"
    if not site.exists():
        build(copy_project(folder / "project"), site)
    for path in sorted(site.rglob("index.html")):
        address = path.relative_to(site).parent.as_posix()
        if not address.startswith("source/"):
            yield Measure(f"/{'' if address == '.' else address + '/'}", weight(path, site) / 1000, "kB", 150)
    longest = max((site / "source").rglob("*.py.html"), key=lambda path: path.stat().st_size)
    yield Measure(f"longest source page ({longest.name.removesuffix('.html')})", packed(longest) / 1000, "kB")
    yield Measure("search index", packed(site / "search" / "search_index.json") / 1000, "kB")
    yield Measure("all files of the site", sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6, "MB")


def weight(page: Path, site: Path) -> int:
    """Gzipped bytes of a page and of the stylesheets, scripts and pictures it names, the theme's left out."""
    html = page.read_text(encoding="utf-8")
    named = re.findall(r'<(?:link[^>]*rel="(?:stylesheet|icon)"[^>]*href|(?:script|img)[^>]*src)="([^":#?]+)', html)
    named += re.findall(r'<link[^>]*href="([^":#?]+)"[^>]*rel="(?:stylesheet|icon)"', html)
    files = {(page.parent / name).resolve() for name in named}
    own = [file for file in files if not file.relative_to(site.resolve()).as_posix().startswith(THEME)]
    return packed(page) + sum(map(packed, own))


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 6))


PARTS = {"builds": measure_builds, "blocks": measure_blocks, "weights": measure_weights}

if __name__ == "__main__":
    sys.exit(main())
