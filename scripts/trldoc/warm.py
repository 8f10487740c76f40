"""The warm process: imports one TRL release once, then forks a child for each page or file that is to run.

Knows processes, signals and what takes long to import. Does not know pages, or what a child does.
Started by `trldoc.runner` as `python -m trldoc.warm FD SLOTS`. It only imports: a process that ran torch must not fork.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections import deque
from pathlib import Path

from trldoc import child


def preload() -> None:
    """Import what most pages need. A page that needs a module that fails here fails by itself, with its own message."""
    import trl

    names = ["torch", "datasets", "accelerate", "peft", "pytest_examples.run_code"]
    names += [f"transformers.models.{name}.modeling_{name}" for name in ("qwen2", "qwen3", "llama")]
    names += [f"trl.trainer.{path.stem}" for path in Path(trl.__file__).parent.glob("trainer/*_trainer.py")]
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001
            print(f"not preloaded: {name}: {error}", file=sys.stderr)


def serve(channel: socket.socket, slots: int) -> None:
    """Answer jobs (one JSON object a line) until the other end closes; at most `slots` children run at a time."""
    waiting: deque[dict] = deque()
    running: dict[int, tuple[dict, float]] = {}
    killed: set[int] = set()
    rest = b""
    while True:
        ready, _, _ = select.select([channel], [], [], 0.02 if running else None)
        if ready:
            data = channel.recv(1 << 16)
            if not data:
                for pid in running:
                    os.killpg(pid, signal.SIGKILL)
                return
            *lines, rest = (rest + data).split(b"\n")
            waiting.extend(json.loads(line) for line in lines)
        while waiting and len(running) < slots:
            job = waiting.popleft()
            running[start(job)] = (job, time.monotonic())
        for pid, (job, started) in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done and pid not in killed and time.monotonic() - started > job["timeout"]:
                os.killpg(pid, signal.SIGKILL)
                killed.add(pid)
            if done:
                try:
                    os.killpg(pid, signal.SIGKILL)  # what the child started and left behind
                except ProcessLookupError:
                    pass
                del running[pid]
                reply = {
                    "id": job["id"],
                    "code": os.waitstatus_to_exitcode(status),
                    "timed_out": pid in killed,
                    "seconds": time.monotonic() - started,
                }
                channel.sendall(json.dumps(reply).encode() + b"\n")


def start(job: dict) -> int:
    """Fork a child for `job` and return its id, which is also its process group."""
    pid = os.fork()
    if pid:
        try:
            os.setpgid(pid, pid)
        except (PermissionError, ProcessLookupError):
            pass  # the child did it itself, or is gone already
        return pid
    code = 70
    try:
        os.setpgid(0, 0)
        code = child.run(job)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    preload()
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
