"""The SFT example runs offline, has the effects it claims, and refuses rows that would train the wrong thing."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trldoc import hub

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "examples" / "data"


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict:
    return {"role": "assistant", "content": text}


CASES = {
    "messages": [{"messages": [user("Hi?"), assistant("Yes.")]}],
    "text": [{"text": "Hi."}],
    "completion": [{"prompt": "Hi?", "completion": " Yes."}],
    "chat_completion": [{"prompt": [user("Hi?")], "completion": [assistant("Yes.")]}],
    "no_column": [{"question": "Hi?", "answer": "Yes."}],
    "mixed": [{"prompt": "Hi?", "completion": [assistant("Yes.")]}],
    "empty": [{"messages": [user("Hi?"), assistant(" ")]}],
    "empty_text": [{"text": "Hi."}, {"text": ""}],
    "role": [{"messages": [{"role": "human", "content": "Hi?"}, assistant("Yes.")]}],
    "asks": [{"messages": [user("Hi?"), assistant("Yes."), user("Sure?")]}],
    "no_template": [{"messages": [user("Hi?"), assistant("Yes.")]}],
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict:
    """What example_sft_driver.py found, in a process of its own on the stand-in hub."""
    folder = tmp_path_factory.mktemp("sft")
    environment = {
        **os.environ,
        **hub.environment(hub.build(ROOT / ".cache")),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    files = [ROOT / "examples" / "sft.py", DATA / "lessons.jsonl", DATA / "shared.jsonl"]
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "example_sft_driver.py", *files, json.dumps(CASES)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_losses_are_finite_and_fall(ran):
    losses = [entry["loss"] for entry in ran["history"] if "loss" in entry]
    assert all(math.isfinite(loss) for loss in losses) and losses[-1] < losses[0]
    evaluations = [entry for entry in ran["history"] if "eval_loss" in entry]
    assert evaluations[0]["step"] == 0
    assert ran["results"]["eval_loss"] == evaluations[-1]["eval_loss"] < evaluations[0]["eval_loss"]


def test_the_model_moves_and_what_is_saved_loads(ran):
    assert ran["moved"] > 0
    assert ran["saved_differs"] == [0, 0]


def test_resuming_is_the_same_as_not_stopping(ran):
    assert ran["resumed_differs"] == 0
    assert "full/checkpoint-4 is there from an earlier run" in ran["used_folder"]


def test_lora_trains_the_adapter_only(ran):
    assert ran["trained"] == ["lora_A", "lora_B"]


def test_the_report_tells_what_is_trained(ran):
    assert ran["report"]["rows"] == 16 and ran["report"]["dropped"] == ran["report"]["no_end"] == 0
    assert 0 < ran["report"]["trained_share"] < 1
    assert ran["too_long"].startswith("train: no row is left")


def test_speakers_get_roles_that_templates_know(ran):
    assert ran["speakers"] == [["user", "assistant", "user", "assistant"]]


@pytest.mark.parametrize("name", ["messages", "text", "completion", "chat_completion"])
def test_good_rows_are_accepted(ran, name):
    assert ran[name] == "accepted"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no_column", "train: row 0: needs messages, prompt and completion, or text; found ['answer', 'question']"),
        ("mixed", "train: row 0: prompt and completion must be two texts or two lists of messages"),
        ("empty", "train: row 0: there is nothing to learn: the answer is empty"),
        ("empty_text", "train: row 1: there is nothing to learn: the answer is empty"),
        ("role", "train: row 0: a message has the role 'human'"),
        ("asks", "train: row 0: the last message must be the assistant's"),
        ("no_template", "train: row 0: the rows are messages, but this tokenizer has no chat template"),
        ("quantized", "quantized weights are frozen: add --use_peft"),
        ("no_file", "--dataset_name nowhere.jsonl: there is no such file"),
    ],
)
def test_bad_input_is_refused_with_a_clear_message(ran, name, expected):
    assert ran[name].startswith(expected)
