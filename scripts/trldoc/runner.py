"""Runner: runs the blocks of a page, or a script, in a fork of a warm process, and says what came of each block.

Knows blocks, the stand-in hub and releases of TRL. Does not know what a result is good for, and never imports torch.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Self

from trldoc import hub, outputs
from trldoc.blocks import Block, blocks, by_group
from trldoc.limits import Limits, page_limits
from trldoc.pages import Page
from trldoc.releases import page_release, unpacked

# What a child sees of our environment, and what it sees beside that of the real hub.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE")
KEPT_ONLINE = ("HF_HOME", "HF_TOKEN", "HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
CACHED = shutil.ignore_patterns("cache-*", "*.lock")  # what others left beside the data of the hub


@dataclass(frozen=True)
class Result:
    """What came of one block: it ran and printed what its page says, or it did not and why, or it was skipped."""

    block: Block
    ok: bool
    seconds: float = 0.0
    error: str | None = None  # begins with page:line
    printed: tuple[outputs.Printed, ...] = ()
    device: str = ""

    @property
    def mismatch(self) -> str | None:
        """How the outputs written under its prints differ from what was printed. A region's outputs are the file's."""
        if not self.ok or self.block.skip or self.block.included:
            return None
        return outputs.difference(self.block.source, list(self.printed), self.block.path, self.block.first)


@dataclass(frozen=True)
class Ran:
    """What a script did."""

    code: int  # exit status; below 0: the signal that ended it
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool
    device: str


@dataclass
class Runner:
    """A warm process of one TRL release; a context manager. `online` takes the real hub instead of the stand-in."""

    root: Path
    release: str
    online: bool = False
    slots: int = 2  # pages that run at the same time
    _pending: dict[int, Future] = field(default_factory=dict, init=False)

    def __enter__(self) -> Self:
        self.hub = None if self.online else hub.build(self.root / ".cache")
        ours, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile("w+", prefix="trldoc-warm-")
        print(f"warming up: trl {self.release}", file=sys.stderr, flush=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "trldoc.warm", str(theirs.fileno()), str(self.slots)],
            env=self._environment(),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        theirs.close()
        self._channel, self._ids, self._lock = ours, count(), threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *exc) -> None:
        self._channel.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._channel.close()
        self._log.close()

    def run_page(self, page: Page, limits: Limits | None = None) -> list[Result]:
        """Run the blocks of `page` in one fork, group by group. Results come in the order of the page.

        When the fork dies or is killed, the groups that it had not reached run in another one.
        """
        limits = limits or page_limits(page)
        found = blocks(page, self.root)
        results = {block.line: Result(block, ok=True) for block in found if block.skip}
        groups = [[b for b in group if not b.skip] for group in by_group(found)]
        while groups := [group for group in groups if any(block.line not in results for block in group)]:
            results |= self._run_groups(groups, limits)
        return [results[block.line] for block in found]

    def run_file(
        self,
        path: Path,
        argv: list[str] = (),
        limits: Limits | None = None,
        cwd: Path | None = None,
        environment: dict | None = None,
    ) -> Ran:
        """Run a script as `python path argv…` would, in `cwd` or else in a folder that is removed afterwards."""
        job = {"file": str(path.resolve()), "argv": [str(word) for word in argv], "groups": None}
        reply, events, stdout, stderr = self._run(job, limits or Limits(), cwd, environment or {})
        device = events[0]["device"] if events else ""
        return Ran(reply["code"], stdout, stderr, reply["seconds"], reply["timed_out"], device)

    def _run_groups(self, groups: list[list[Block]], limits: Limits) -> dict[int, Result]:
        by_line = {block.line: block for group in groups for block in group}
        described = [
            [{"id": b.line, "path": str(self.root / b.path), "first": b.first, "source": b.source} for b in group]
            for group in groups
        ]
        reply, events, _, stderr = self._run({"groups": described}, limits, None, {})
        device = next((event["device"] for event in events if "device" in event), "")
        results, running = {}, None
        for event in events:
            running = event.get("start", running)
            if "done" in event:
                running, block = None, by_line[event["done"]]
                results[block.line] = _result(block, event, device)
        if running is not None or not any("start" in event for event in events):
            block = by_line[running] if running is not None else groups[0][0]
            how = f"still running after {limits.timeout:g} s, killed" if reply["timed_out"] else _death(reply["code"])
            results[block.line] = Result(block, False, reply["seconds"], f"{block.name}: {how}\n{_tail(stderr)}")
        for group in groups:
            failed = next((b for b in group if b.line in results and not results[b.line].ok), None)
            for block in group[group.index(failed) + 1 :] if failed else ():
                results[block.line] = Result(block, False, error=f"{block.name}: not run, because {failed.name} failed")
        return results

    def _run(self, job: dict, limits: Limits, cwd: Path | None, environment: dict) -> tuple[dict, list[dict], str, str]:
        with tempfile.TemporaryDirectory(prefix="trldoc-run-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            for part in ("tmp", "cwd"):
                (folder / part).mkdir()
            if self.hub:
                shutil.copytree(self.hub / "datasets", folder / "datasets", ignore=CACHED)
            future: Future = Future()
            number = next(self._ids)
            job |= {"id": number, "folder": name, "cwd": str(cwd or folder / "cwd"), "limits": asdict(limits)}
            job |= {"timeout": limits.timeout, "environment": environment}
            job |= {"datasets": str(folder / "datasets") if self.hub else None}
            with self._lock:
                self._pending[number] = future
                try:
                    self._channel.sendall(json.dumps(job).encode() + b"\n")
                except OSError as error:
                    future.set_exception(RuntimeError(f"the warm process is gone ({error}):\n{self._said()}"))
            reply = future.result()
            texts = [
                (folder / part).read_text("utf-8", "replace") if (folder / part).exists() else ""
                for part in ("events", "stdout", "stderr")
            ]
            return reply, [json.loads(line) for line in texts[0].splitlines()], texts[1], texts[2]

    def _listen(self) -> None:
        for line in self._channel.makefile("r", encoding="utf-8"):
            reply = json.loads(line)
            with self._lock:
                self._pending.pop(reply["id"]).set_result(reply)
        with self._lock:
            for future in self._pending.values():
                future.set_exception(RuntimeError(f"the warm process of trl {self.release} ended:\n{self._said()}"))
            self._pending.clear()

    def _said(self) -> str:
        self._log.seek(0)
        return _tail(self._log.read())

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        if self.hub:
            kept |= hub.environment(self.hub)
        else:
            kept |= {name: os.environ[name] for name in KEPT_ONLINE if name in os.environ}
        paths = [str(Path(__file__).parents[1])]
        if self.release != version("trl"):
            paths.insert(0, str(unpacked(self.release, self.root)))
        return kept | {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONHASHSEED": "0",  # sets and dictionaries print in the same order each time
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",  # faster for tiny models, and a fork of a process with threads is not safe
            "TOKENIZERS_PARALLELISM": "false",
        }


def run_page(page: Page, root: Path, online: bool = False) -> list[Result]:
    """Run one page in a warm process of its own; use a `Runner` for several."""
    with Runner(root, page_release(page, root), online) as runner:
        return runner.run_page(page)


def _result(block: Block, event: dict, device: str) -> Result:
    printed = tuple(outputs.Printed(line, text) for line, text in event["printed"])
    error = (
        event["error"]
        and f"{block.path}:{event['error']['line']}: {event['error']['summary']}\n\n{event['error']['traceback']}"
    )
    return Result(block, error is None, event["seconds"], error, printed, device)


def _death(code: int) -> str:
    return f"the process died of {signal.Signals(-code).name}" if code < 0 else f"the process ended with status {code}"


def _tail(text: str, lines: int = 30) -> str:
    return "\n".join(text.splitlines()[-lines:])
