"""What all tests share: the repository's root, the stand-in hub, and one run of each page whose blocks are tested."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import pytest

from trldoc import hub, results
from trldoc.blocks import Block
from trldoc.pages import Page, read_page
from trldoc.releases import page_release
from trldoc.runner import Result, Runner

ROOT = Path(__file__).parents[1]
SLOTS = 2  # pages that run at the same time
TERMINAL = pytest.StashKey[TextIO]()
RECORDED = ("accelerate", "datasets", "peft", "torch", "transformers")


def pytest_configure(config: pytest.Config) -> None:
    """Keep a way to the terminal past the capturing of output, to say there what is running."""
    with config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        config.stash[TERMINAL] = os.fdopen(os.dup(2), "w")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need a GPU and the real hub run when they are asked for: `pytest -m gpu`."""
    if "gpu" not in config.option.markexpr:
        asked = [item for item in items if item.get_closest_marker("gpu") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in asked])
        items[:] = asked


@pytest.fixture(scope="session")
def standin_hub() -> Path:
    return hub.build(ROOT / ".cache")


class PageRuns:
    """Runs the pages of the selected blocks, two at a time, and keeps their results."""

    def __init__(self, paths: list[str], online: bool, report) -> None:
        self._stack, self._report, self._online = ExitStack(), report, online
        self._pool = self._stack.enter_context(ThreadPoolExecutor(SLOTS))
        pages = [read_page(ROOT / path, ROOT) for path in paths]
        releases = dict.fromkeys(page_release(page, ROOT) for page in pages)
        runners = {name: self._stack.enter_context(Runner(ROOT, name, online, SLOTS)) for name in releases}
        self._futures: dict[str, Future[list[Result]]] = {
            page.path: self._pool.submit(self._run, page, runners[page_release(page, ROOT)]) for page in pages
        }

    def result(self, block: Block) -> Result:
        return next(result for result in self._futures[block.page].result() if result.block.line == block.line)

    def close(self) -> None:
        self._stack.close()

    def _run(self, page: Page, runner: Runner) -> list[Result]:
        found = runner.run_page(page)
        seconds = sum(result.seconds for result in found)
        self._report(f"{page.path}: {len(found)} blocks ran in {seconds:.1f} s (trl {runner.release})")
        keep(page, found, runner.release, self._online)
        return found


def keep(page: Page, found: list[Result], release: str, online: bool) -> None:
    """Write down which blocks of the page passed; what is written already stays as it is."""
    versions = {name: version(name).partition("+")[0] for name in RECORDED} | {"trl": release}
    today, weights = datetime.now(UTC).date().isoformat(), "real" if online else "stand-in"
    ran = [result for result in found if not result.block.skip]
    passed = {
        result.block.key: results.Entry(True, round(result.seconds, 2), today, result.device, weights, versions)
        for result in ran
        if result.ok and not result.mismatch
    }
    failed = [result.block.key for result in ran if result.block.key not in passed]
    on_page = [result.block.key for result in ran]
    results.save(page.path, ROOT, results.merged(results.load(page.path, ROOT), passed, failed, on_page))


@pytest.fixture(scope="session")
def page_runs(request: pytest.FixtureRequest):
    """The runs of the selected pages: on the stand-in hub, or on the real one when the tests are those of a GPU."""
    chosen = [item.callspec.params["block"].page for item in request.session.items if "page_runs" in item.fixturenames]
    terminal = request.config.stash[TERMINAL]
    runs = PageRuns(
        list(dict.fromkeys(chosen)),
        "gpu" in request.config.option.markexpr,
        lambda line: print(line, file=terminal, flush=True),
    )
    yield runs
    runs.close()
