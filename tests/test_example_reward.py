"""The reward example runs offline, has the effects it claims, and refuses data that would train the wrong thing."""

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


def message(text: str) -> list[dict]:
    return [{"role": "assistant", "content": text}]


QUESTION = [{"role": "user", "content": "Hi?"}]


def pair(**changes) -> dict:
    return {"prompt": QUESTION, "chosen": message("Yes."), "rejected": message("No."), **changes}


CASES = {  # name: rows, max_length
    "fine": ([pair()], 64),
    "text": ([{"prompt": "Hi?", "chosen": " Yes.", "rejected": " No."}], 64),
    "implicit": ([{"chosen": "Hi? Yes.", "rejected": "Hi? No."}], 64),
    "margin": ([pair(margin=1.0)], 64),
    "no_column": ([{"prompt": "Hi?", "completion": "Yes."}], 64),
    "mixed": ([{"prompt": "Hi?", "chosen": message("Yes."), "rejected": message("No.")}], 64),
    "same": ([pair(), pair(rejected=message("Yes."))], 64),
    "role": ([pair(chosen=[{"from": "gpt", "value": "Yes."}])], 64),
    "twice": ([pair(chosen=QUESTION + message("Yes."), rejected=QUESTION + message("No."))], 64),
    "words": ([pair(margin="much")], 64),
    "no_margin": ([pair(margin=1.0), pair()], 64),
    "long": ([pair(chosen=message("word " * 100))], 64),
    "no_template": ([pair()], 64),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict:
    """What example_reward_driver.py found, in a process of its own on the stand-in hub."""
    folder = tmp_path_factory.mktemp("reward")
    environment = {
        **os.environ,
        **hub.environment(hub.build(ROOT / ".cache")),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    files = [ROOT / "examples" / "reward.py", DATA / "concise.jsonl"]
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "example_reward_driver.py", *files, json.dumps(CASES)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_training_starts_near_log_two_and_learns(ran):
    history = ran["full"]["history"]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    evaluations = [entry for entry in history if "eval_loss" in entry]
    assert all(math.isfinite(loss) for loss in losses)
    assert evaluations[0]["step"] == 0 and evaluations[0]["eval_loss"] == pytest.approx(math.log(2), abs=0.1)
    assert ran["full"]["results"]["eval_loss"] == evaluations[-1]["eval_loss"] < evaluations[0]["eval_loss"]


def test_the_body_moves_and_what_is_saved_scores_the_same(ran):
    assert ran["full"]["body_moved"] > 0
    assert ran["full"]["saved_differs"] == [0, 0]
    assert ran["full"]["scores"][0] == pytest.approx(ran["full"]["scores"][1], abs=1e-6)
    assert {"README.md", "trainer_state.json", "tokenizer.json", "chat_template.jinja"} <= set(ran["full"]["files"])


def test_a_text_is_scored_as_it_was_trained_on(ran):
    assert ran["full"]["encoded_as_trained"] == [True, True]


def test_resuming_is_the_same_as_not_stopping(ran):
    assert ran["resumed_differs"] == 0


def test_a_used_folder_is_refused(ran):
    assert "half/checkpoint-2 is there from an earlier run" in ran["refused_folder"]
    assert ran["nothing_to_resume"] == "--resume_from_checkpoint latest: new holds no checkpoint"


def test_lora_trains_and_saves_the_head(ran):
    assert ran["lora"]["trained"] == ["lora_A", "lora_B", "modules_to_save"]
    assert ran["lora"]["scores"][0] == pytest.approx(ran["lora"]["scores"][1], abs=1e-6)
    assert "adapter_model.safetensors" in ran["lora"]["files"]


def test_the_report_counts_what_trl_drops(ran):
    assert ran["report"]["rows"] == 2 and ran["report"]["dropped"] == 1
    assert ran["report"]["accuracy_of_longer_is_better"] == ran["report"]["accuracy_of_shorter_is_better"] == 0.5


@pytest.mark.parametrize("name", ["fine", "text", "implicit", "margin"])
def test_good_data_is_accepted(ran, name):
    assert ran[name] == "accepted"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no_column", "train: no column ['chosen', 'rejected']; a reward model needs chosen and rejected"),
        ("mixed", "train: row 0: all columns must be texts, or all must be lists of messages; found {'prompt': 'str'"),
        ("same", "train: row 1: chosen and rejected are the same, which teaches nothing"),
        ("role", "train: row 0: a message must have role and content; found {'from': 'gpt'"),
        ("twice", "train: row 0: chosen begins with the prompt, so the prompt would be there twice"),
        ("words", "train: row 0: a margin must be a number; found 'much'"),
        ("no_margin", "train: row 1: a margin must be a number; found None"),
        ("long", "train: every pair is longer than max_length=64; TRL would drop them all"),
        ("no_template", "train: row 0: the rows are messages, but this tokenizer has no chat template"),
        ("frozen_head", "the head `score` is frozen: add --lora_modules_to_save score"),
        ("quantized", "quantized weights are frozen: add --use_peft"),
        ("no_file", "--dataset_name nowhere.jsonl: there is no such file"),
    ],
)
def test_bad_input_is_refused_with_a_clear_message(ran, name, expected):
    assert ran[name].startswith(expected)
