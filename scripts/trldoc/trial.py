"""Trial: one run of an example in this process, from command line to the fields of a record.

Knows the trainers' common attributes (state, model, data) and the recorder. Does not know where records are kept.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import runpy
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from trldoc import library
from trldoc.recorder import Recorder

NOT_METRICS = ("epoch", "step", "train_loss", "total_flos")


def warm_up() -> None:
    """Import what every run imports, so that forks of this process need not."""
    import datasets
    import peft  # noqa: F401
    import torch._dynamo  # noqa: F401  the first forward pass would import it, slowly under a tracer
    import trl.trainer.dpo_trainer  # noqa: F401

    datasets.disable_progress_bars()


class Tee(io.StringIO):
    """Keeps what is printed, and prints it."""

    def __init__(self, screen):
        super().__init__()
        self._screen = screen

    def write(self, text: str) -> int:
        self._screen.write(text)
        return super().write(text)


@dataclass(frozen=True)
class Trial:
    """How to run an example, and what to look at while it runs."""

    root: Path
    script: Path
    argv: list[str]
    references: list[str]  # functions of TRL to trace; none: nothing is traced
    calls: dict[str, int]  # which call of a repeated function to record
    batch: str | None  # the function whose `examples` argument holds the rows of a batch
    follow: int  # number of the row that is followed
    completions: int  # how many held-out prompts are shown with answers before and after; 0: none
    measured: int  # how many held-out prompts are answered, so that lengths can be averaged
    max_new_tokens: int

    def write(self, folder: Path) -> None:
        """Run in `folder` and leave result.json there. Meant for a forked child."""
        os.environ["HF_DATASETS_CACHE"] = str(folder / "datasets")  # nothing may come from an earlier run's cache
        import datasets

        datasets.config.HF_DATASETS_CACHE = str(folder / "datasets")
        (folder / "examples").symlink_to(self.root / "examples")
        os.chdir(folder)
        (folder / "result.json").write_text(json.dumps(self.run()), encoding="utf-8")

    def run(self) -> dict:
        """Run the script's `main` and return what a record keeps of it."""
        import torch

        example = runpy.run_path(str(self.script), run_name="example")
        before = self._answers(example) if self.completions else None
        batches: dict[int, list] = {}
        tensors: dict[str, list] = {}

        def seen(qualname: str, call: int, frame) -> None:
            if self.batch and self.batch.endswith(qualname):
                batches[call] = list(frame.f_locals["examples"])
            inputs = frame.f_locals.get("inputs")
            if call == self.calls.get(qualname) and isinstance(inputs, Mapping) and "input_ids" in inputs:
                tensors[qualname] = inputs["input_ids"].tolist()

        recorder = Recorder(library.pinned(self.root), self.references, self.calls, seen)
        printed, started = Tee(sys.stdout), time.monotonic()
        with contextlib.redirect_stdout(printed), recorder if self.references else contextlib.nullcontext():
            # A long run shows its progress; a traced one has none to show, and the bar is traced code.
            quiet = ["--disable_tqdm", "true"] if self.references else []
            trainer = example["main"]([*self.argv, *quiet])
        seconds = time.monotonic() - started
        if recorder.missed():
            raise RuntimeError("; ".join(recorder.missed()))
        history = trainer.state.log_history
        result = {
            "command": shlex.join(["python", f"examples/{self.script.name}", *self.argv]),
            "device": device(torch),
            "log_history": history,
            "summary": summarize(trainer, history, seconds),
            "functions": [asdict(function) for function in recorder.functions()],
            "example_row": self._row(example, trainer, batches, tensors) if self.references else {},
            "completions": [],
            "output": printed.getvalue(),
        }
        if before is not None:
            after = self._answers(example, trainer.model)
            result["completions"] = [
                {"prompt": old["prompt"], "before": old["text"], "after": new["text"]}
                for old, new in list(zip(before, after, strict=True))[: self.completions]
            ]
            for name, answers in (("before", before), ("after", after)):
                lengths = [answer["tokens"] for answer in answers]
                result["summary"][f"completion_tokens_{name}"] = sum(lengths) / len(lengths)
                result["summary"][f"completions_cut_{name}"] = sum(n >= self.max_new_tokens for n in lengths)
            result["summary"]["completions_measured"] = len(before)
            result["summary"]["max_new_tokens"] = self.max_new_tokens
        return result

    def _row(self, example: dict, trainer, batches: dict[int, list], tensors: dict[str, list]) -> dict:
        """The followed row as text, as token ids, as tokens, and where it is in the recorded batch."""
        script_args, _, _ = example["parse"](self.argv)
        raw = dict(loader(example)(script_args, script_args.dataset_train_split)[self.follow])
        ids = {key: value for key, value in trainer.train_dataset[self.follow].items() if key.endswith("_ids")}
        tokenizer = trainer.processing_class
        row = {
            "row": self.follow,
            "raw": raw,
            "prepared": ids,
            "tokens": {key: [tokenizer.decode([token]) for token in value] for key, value in ids.items()},
        }
        if not batches:
            return row
        places = {
            call: number
            for call, examples in batches.items()
            for number, other in enumerate(examples)
            if all(other[key] == value for key, value in ids.items())
        }
        call = next((number for name, number in self.calls.items() if name == self.batch), 1)
        if call not in places:
            raise RuntimeError(f"row {self.follow} is not in batch {call}; set the calls to one of {sorted(places)}")
        prompt_ids = ids.get("prompt_ids", [])
        for qualname, rows in tensors.items():
            # A collator runs one batch ahead and serves evaluation too, so its calls and the steps are counted apart.
            if rows[places[call]][: len(prompt_ids)] != prompt_ids:
                raise RuntimeError(
                    f"row {self.follow} is not in call {self.calls[qualname]} of {qualname}; count again"
                )
        return {**row, "batch": call, "batch_index": places[call]}

    def _answers(self, example: dict, model=None) -> list[dict]:
        """Greedy answers to the held-out prompts, padded on the left. `model` None: the untrained one."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        script_args, _, model_args = example["parse"](self.argv)
        rows = loader(example)(script_args, script_args.dataset_test_split).take(self.measured)
        tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path, padding_side="left")
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        if model is None:
            model = AutoModelForCausalLM.from_pretrained(model_args.model_name_or_path, dtype=model_args.dtype)
        model.eval()
        batch = tokenizer.apply_chat_template(
            rows["prompt"][:], add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        ).to(model.device)
        with torch.no_grad():
            output = model.generate(**batch, do_sample=False, max_new_tokens=self.max_new_tokens)
        answers = []
        for prompt, ids in zip(rows["prompt"], output[:, batch["input_ids"].shape[1] :].tolist(), strict=True):
            ends = [place for place, token in enumerate(ids) if token == tokenizer.eos_token_id]
            ids = ids[: ends[0]] if ends else ids
            text = tokenizer.decode(ids, skip_special_tokens=True)
            answers.append({"prompt": prompt[-1]["content"], "text": text.strip(), "tokens": len(ids)})
        return answers


def loader(example: dict):
    """The example's function (script arguments, split) -> data set: `load_rows`, or `load_pairs` where rows are pairs."""
    return example["load_rows" if "load_rows" in example else "load_pairs"]


def device(torch) -> str:
    if torch.accelerator.is_available():
        return (
            torch.cuda.get_device_name(0) if torch.cuda.is_available() else str(torch.accelerator.current_accelerator())
        )
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads != 1)}"


def summarize(trainer, history: list[dict], seconds: float) -> dict:
    """Numbers a page may quote. Metrics of evaluation lose their prefix: `eval_before["rewards/margins"]`."""
    train = [entry for entry in history if "loss" in entry]
    evaluations = [entry for entry in history if any(key.startswith("eval_") for key in entry)]
    whole = next((entry for entry in reversed(history) if "train_runtime" in entry), {})
    parameters = list(trainer.model.parameters())
    summary = {
        "steps": trainer.state.global_step,
        "train_rows": len(trainer.train_dataset),
        "eval_rows": len(trainer.eval_dataset) if trainer.eval_dataset is not None else 0,
        "parameters": sum(p.numel() for p in parameters),
        "trainable_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "seconds": round(seconds, 1),
        "seconds_train": whole.get("train_runtime", 0.0),
        "seconds_per_step": seconds_per_step(history),
        "seconds_eval": round(sum(entry["eval_runtime"] for entry in evaluations), 1),
        "peak_rss_gib": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** (30 if sys.platform == "darwin" else 20), 2
        ),
    }
    if train:
        for name, entry in (("first", train[0]), ("last", train[-1])):
            summary[name] = {key: value for key, value in entry.items() if key not in NOT_METRICS}
        summary["first_loss"], summary["final_loss"] = train[0]["loss"], train[-1]["loss"]
    if evaluations:
        for name, entry in (("eval_before", evaluations[0]), ("eval_after", evaluations[-1])):
            summary[name] = {key.removeprefix("eval_"): v for key, v in entry.items() if key not in NOT_METRICS}
    return summary


def seconds_per_step(history: list[dict]) -> float:
    """Wall clock of a training step: what `train()` took, less the evaluations inside it. 0.0 when nothing was trained."""
    end = next((number for number, entry in enumerate(history) if "train_runtime" in entry), None)
    if end is None or not history[end]["step"]:
        return 0.0
    evaluations = sum(entry.get("eval_runtime", 0.0) for entry in history[:end])
    return round((history[end]["train_runtime"] - evaluations) / history[end]["step"], 2)
