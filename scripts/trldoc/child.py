"""The child: what a fork of the warm process does to run the blocks of a page, or a script, in a clean place.

Knows torch's and transformers' settings, and how a print is observed. Does not know pages or what is expected of a block.
"""

from __future__ import annotations

import builtins
import json
import os
import random
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path

SEED = 42
LENGTHS = ("max_completion_length", "max_new_tokens", "response_length")  # config fields that say how much to generate
PRINT = builtins.print


def run(job: dict) -> int:
    """Set up a clean place, then run the blocks or the file of `job`. Returns the exit status."""
    folder = Path(job["folder"])
    for number, name in ((0, os.devnull), (1, folder / "stdout"), (2, folder / "stderr")):
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    import tempfile

    import datasets
    import torch

    os.environ["TMPDIR"] = str(folder / "tmp")
    tempfile.tempdir = None
    if job["datasets"]:  # a copy of this child's own: what `map` caches beside the data stays here
        os.environ["HF_DATASETS_CACHE"] = job["datasets"]
        datasets.config.HF_DATASETS_CACHE = Path(job["datasets"])
    os.environ.update(job["environment"])
    os.chdir(job["cwd"])
    accelerated = torch.accelerator.is_available()
    limit_training(job["limits"], accelerated)
    with open(folder / "events", "a", encoding="utf-8") as events:

        def emit(**event) -> None:
            events.write(json.dumps(event) + "\n")
            events.flush()

        emit(
            device=torch.cuda.get_device_name()
            if torch.cuda.is_available()
            else str(torch.accelerator.current_accelerator() or "cpu")
        )
        return run_blocks(job["groups"], emit) if job["groups"] is not None else run_file(job["file"], job["argv"])


def limit_training(limits: dict, accelerated: bool) -> None:
    """Train on the CPU where there is nothing else, stop after `max_steps`, generate little, report to nobody.

    On a CPU training runs in float32 unless the page asks for bf16: many CPUs emulate bf16 (one without AVX-512 needs eight
    times as long for a product), and what is printed would depend on the machine.
    The stop is a callback and no change of `max_steps`, so that schedules and the printed arguments stay the author's.
    """
    import transformers.trainer
    from transformers import TrainerCallback, TrainingArguments

    original = TrainingArguments.__post_init__

    def post_init(self) -> None:
        if not accelerated:
            self.use_cpu = True
            self.bf16 = self.bf16 and limits["bf16"]
        self.report_to, self.push_to_hub = "none", False
        for name in LENGTHS:
            if limits["tokens"] and (getattr(self, name, None) or 0) > limits["tokens"]:
                setattr(self, name, limits["tokens"])
        original(self)

    class StopEarly(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step >= limits["max_steps"]:
                control.should_training_stop = True

    TrainingArguments.__post_init__ = post_init
    if limits["max_steps"]:
        transformers.trainer.DEFAULT_CALLBACKS.append(StopEarly)


def seed() -> None:
    from transformers import set_seed

    random.seed(SEED)
    set_seed(SEED)


def run_blocks(groups: list[list[dict]], emit: Callable[..., None]) -> int:
    """Run blocks group by group, each group in a namespace of its own and from the same seed. A failure ends its group."""
    paths = {block["path"] for group in groups for block in group}
    for group in groups:
        module = types.ModuleType("__main__")
        module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = module
        seed()
        for block in group:
            emit(start=block["id"])
            started, printed = time.monotonic(), []
            builtins.print = observed(block, paths, printed)
            try:
                code = compile("\n" * (block["first"] - 1) + block["source"], block["path"], "exec", dont_inherit=True)
                exec(code, module.__dict__)  # noqa: S102
                error = None
            except BaseException as raised:  # noqa: BLE001
                error = describe(raised, block)
            finally:
                builtins.print = PRINT
            emit(done=block["id"], seconds=time.monotonic() - started, printed=printed, error=error)
            if error:
                break
    return 0


def observed(block: dict, paths: set[str], printed: list[tuple[int, str]]) -> Callable[..., None]:
    """A print that also notes its text, and the line of `block` that led to it, when code of the page calls it."""
    from pytest_examples.run_code import Arg

    lines = range(block["first"], block["first"] + block["source"].count("\n") + 1)

    def observing_print(*args, sep=" ", end="\n", file=None, flush=False) -> None:
        PRINT(*args, sep=sep, end=end, file=file, flush=flush)
        frame = sys._getframe(1)
        if frame.f_code.co_filename not in paths or file not in (None, sys.stdout):
            return
        while frame and not (frame.f_code.co_filename == block["path"] and frame.f_lineno in lines):
            frame = frame.f_back
        if frame:
            text = (" " if sep is None else sep).join(str(Arg(arg)) for arg in args) + ("\n" if end is None else end)
            printed.append((frame.f_lineno - block["first"] + 1, text))

    return observing_print


def describe(raised: BaseException, block: dict) -> dict:
    """Where on the page it was raised, in one line, and the traceback without the frames of this module."""
    frames = raised.__traceback__
    while frames and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    line = block["first"]
    step = frames
    while step:
        if step.tb_frame.f_code.co_filename == block["path"]:
            line = step.tb_lineno
        step = step.tb_next
    if isinstance(raised, SyntaxError) and raised.filename == block["path"]:
        line = raised.lineno or line
    summary = "".join(traceback.format_exception_only(raised)).strip()
    return {
        "line": line,
        "summary": summary,
        "traceback": "".join(traceback.format_exception(raised.with_traceback(frames))),
    }


def run_file(path: str, argv: list[str]) -> int:
    """Run a script as `python path argv…` would, and return its exit status."""
    import runpy

    sys.argv, sys.path[0] = [path, *argv], str(Path(path).parent)
    seed()
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        return 1
    return 0
