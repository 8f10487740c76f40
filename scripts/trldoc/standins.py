"""Stand-ins: which hub ids the stand-in hub answers, with which tiny models and which rows.

Knows the columns of the real datasets. Does not know where a cache keeps them, nor torch, datasets or transformers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HELD_OUT = {"questions": 8, "posts": 2}  # rows at the end of a text file that become `test`
FRAMES = ("{}", "Please answer in short: {}", "I asked a friend and got no answer. {}", "A question for a quiz. {}")
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Model:
    """A tiny model: the real one's architecture with hidden size 64, two layers, 2,000 tokens and random weights."""

    architecture: str  # a `model_type` of transformers
    template: str | None  # a file of TRL's chat templates, which TRL recognizes by their text; None: plain ChatML
    eos: str = "<|im_end|>"
    pad: str = "<|endoftext|>"


MODELS = {  # each id gets weights of its own: a teacher that equals its student would make every distillation loss 0
    "Qwen/Qwen3-0.6B": Model("qwen3", "qwen3.jinja"),
    "Qwen/Qwen3-0.6B-Base": Model("qwen3", "qwen3.jinja", eos="<|endoftext|>"),
    "Qwen/Qwen3-1.7B": Model("qwen3", "qwen3.jinja"),
    "Qwen/Qwen2.5-0.5B": Model("qwen2", "qwen2_5.jinja", eos="<|endoftext|>"),
    "Qwen/Qwen2.5-0.5B-Instruct": Model("qwen2", "qwen2_5.jinja"),
    "Qwen/Qwen2.5-1.5B-Instruct": Model("qwen2", "qwen2_5.jinja"),
    "HuggingFaceTB/SmolLM2-135M-Instruct": Model("llama", None, pad="<|im_end|>"),
    "trl-internal-testing/tiny-Qwen2ForCausalLM-2.5": Model("qwen2", "qwen2_5.jinja"),
    "trl-internal-testing/tiny-Qwen3ForCausalLM": Model("qwen3", "qwen3.jinja"),
}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict:
    return {"role": "assistant", "content": text}


def _sum(number: int) -> tuple[str, int, list[str], list[bool]]:
    """An arithmetic problem: text, solution, worked steps, and which steps are right (every second row errs at the end)."""
    a, b, c = 3 + number % 17, 2 + number % 11, 1 + number % 7
    wrong = number % 2
    steps = [
        f"Step 1: {a} boxes with {b} pens are {a * b} pens.",
        f"Step 2: {c} pens are lost, {a * b - c + wrong} stay.",
    ]
    return f"{a} boxes hold {b} pens each. {c} pens are lost. How many stay?", a * b - c, steps, [True, not wrong]


# One maker a dataset: (row of a text file, its number) -> row of the dataset. The columns are those of the real dataset.
def _ultrafeedback(row: dict, number: int) -> dict:
    chosen, rejected = ([user(row["question"]), assistant(row[which])] for which in ("better", "worse"))
    return {
        "chosen": chosen,
        "rejected": rejected,
        "score_chosen": 8.0 + number % 2,
        "score_rejected": 2.0 + number % 4,
    }


def _helpful(row: dict, number: int) -> dict:
    turns = (
        [user(row["question"])] if number % 2 else [user(row["again"]), assistant(row["reply"]), user(row["question"])]
    )
    return {"prompt": turns, "chosen": [assistant(row["better"])], "rejected": [assistant(row["worse"])]}


def _capybara(row: dict, number: int) -> dict:
    turns = [user(row["question"]), assistant(row["better"]), user(row["again"]), assistant(row["reply"])]
    return {"source": "stand-in", "messages": turns, "num_turns": 2}


def _kto(row: dict, number: int) -> dict:
    good = number % 2 == 0
    return {
        "prompt": [user(row["question"])],
        "completion": [assistant(row["better" if good else "worse"])],
        "label": good,
    }


def _post(row: dict) -> str:
    return f"SUBREDDIT: {row['forum']}\n\nTITLE: {row['title']}\n\nPOST: {row['post']}\n\nTL;DR:"


def _math(row: dict, number: int) -> dict:
    text, solution, _, _ = _sum(number)
    return {"prompt": [user(text)], "solution": str(solution)}


def _shepherd(row: dict, number: int) -> dict:
    text, _, steps, labels = _sum(number)
    return {"prompt": text, "completions": steps, "labels": labels}


@dataclass(frozen=True)
class Data:
    """A small dataset of 120 rows in `train` and 32 in `test`, made from the rows of one text file."""

    texts: str
    make: Callable[[dict, int], dict]
    config: str = "default"
    splits: tuple[str, ...] = ("train", "test")


DATASETS = {
    "trl-lib/ultrafeedback_binarized": (Data("questions", _ultrafeedback),),
    "trl-lib/hh-rlhf-helpful-base": (Data("questions", _helpful),),
    "trl-lib/Capybara": (Data("questions", _capybara),),
    "trl-lib/tldr": (
        Data(
            "posts",
            lambda row, _: {"prompt": _post(row), "completion": " " + row["better"]},
            splits=("train", "validation", "test"),
        ),
    ),
    "trl-lib/kto-mix-14k": (Data("questions", _kto),),
    "trl-lib/ultrafeedback-prompt": (Data("questions", lambda row, _: {"prompt": [user(row["question"])]}),),
    "trl-lib/DeepMath-103K": (Data("questions", _math),),
    "trl-lib/math_shepherd": (Data("questions", _shepherd),),
    "trl-lib/lm-human-preferences-descriptiveness": (
        Data(
            "posts",
            lambda row, _: {"prompt": _post(row), "chosen": " " + row["better"], "rejected": " " + row["worse"]},
        ),
    ),
}


def rows(data: Data, texts: list[dict]) -> dict[str, list[dict]]:
    """Split name -> rows. Rows of `test` (and `validation`) come from texts that `train` does not see."""
    cut = len(texts) - HELD_OUT[data.texts]
    return {
        split: [
            data.make(_framed(part[number % len(part)], number // len(part)), number)
            for number in range(120 if split == "train" else 32)
        ]
        for split, part in ((split, texts[:cut] if split == "train" else texts[cut:]) for split in data.splits)
    }


def _framed(row: dict, turn: int) -> dict:
    return row | {"question": FRAMES[turn % len(FRAMES)].format(row["question"])} if "question" in row else row
