"""The KTO example runs offline, has the effects it claims, and refuses data that would train the wrong thing."""

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


def row(**changes) -> dict:
    return {"prompt": [{"role": "user", "content": "Hi?"}], "completion": message("Yes."), "label": True, **changes}


CASES = {  # name: rows, max_length
    "fine": ([row(), row(label=False)], 64),
    "text": ([{"prompt": "Hi?", "completion": " Yes.", "label": True}] * 2, 64),
    "alone": ([row(), row(label=False), row(), row(), row(label=False)], 64),
    "long": ([row(label=False), row(prompt=[{"role": "user", "content": "word " * 100}]), row()], 64),
    "all_long": ([row(prompt=[{"role": "user", "content": "word " * 100}])], 64),
    "no_column": ([{"prompt": "Hi?", "completion": " Yes."}], 64),
    "minus_one": ([row(label=1), row(label=-1)], 64),
    "words": ([row(label="good")], 64),
    "mixed": ([row(prompt="Hi?")], 64),
    "empty": ([row(completion=message(" "))], 64),
    "role": ([row(completion=[{"from": "gpt", "value": "Yes."}])], 64),
    "no_template": ([row()], 64),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict:
    """What example_kto_driver.py found, in a process of its own on the stand-in hub."""
    folder = tmp_path_factory.mktemp("kto")
    environment = {
        **os.environ,
        **hub.environment(hub.build(ROOT / ".cache")),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    files = [ROOT / "examples" / "kto.py", DATA / "thumbs.jsonl", DATA / "text.jsonl"]
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "example_kto_driver.py", *files, json.dumps(CASES)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_training_starts_at_half_the_mean_weight(ran):
    rows = [json.loads(line) for line in (DATA / "thumbs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {label: sum(row["label"] is label for row in rows) for label in (True, False)} == {True: 22, False: 8}
    first = next(entry for entry in ran["history"] if "loss" in entry)
    possible = [(good + (4 - good) * ran["weights"][1]) / 4 / 2 for good in range(5)]
    assert any(first["loss"] == pytest.approx(value, abs=1e-6) for value in possible)
    assert first["kl"] == 0 and first["rewards/chosen"] == 0


def test_losses_are_finite_and_answers_come_apart(ran):
    assert all(math.isfinite(entry["loss"]) for entry in ran["history"] if "loss" in entry)
    evaluations = [entry for entry in ran["history"] if "eval_loss" in entry]
    assert evaluations[0]["step"] == 0 and evaluations[0]["eval_rewards/margins"] == 0
    assert ran["results"]["eval_rewards/margins"] == evaluations[-1]["eval_rewards/margins"] > 0


def test_the_policy_moves_the_reference_does_not_and_what_is_saved_loads(ran):
    assert ran["policy_moved"] > 0 == ran["reference_moved"]
    assert ran["saved_differs"] == [0, 0]


def test_the_rarer_label_gets_the_weight(ran):
    assert ran["weights"] == [1.0, 2.43]
    assert ran["chosen_weights"] == [2.0, 1.0]


def test_pairs_are_taken_apart_and_mixed(ran):
    assert ran["pairs"]["columns"] == ["completion", "label", "prompt"]
    labels = ran["pairs"]["labels"]
    assert sorted(labels) == [False] * 4 + [True] * 4 != labels
    assert labels != sorted(labels, reverse=True)


@pytest.mark.parametrize(
    ("name", "labels"),
    [("fine", [True, False]), ("text", [True] * 2), ("alone", [True, False, True, True]), ("long", [False, True])],
)
def test_good_rows_are_kept(ran, name, labels):
    assert ran[name] == labels


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all_long", "train: no row is left of 1; prompts must be shorter than max_length=64"),
        ("no_column", "train: no column ['label']; KTO needs prompt, completion and label, or pairs"),
        ("minus_one", "train: row 1: label must be true or false; found -1"),
        ("words", "train: row 0: label must be true or false; found 'good'"),
        (
            "mixed",
            "train: row 0: prompt and completion must be two texts, or two lists of messages; found {'prompt': 's",
        ),
        ("empty", "train: row 0: completion is empty"),
        ("role", "train: row 0: a message must have role and content; found {'from': 'gpt', 'value': 'Yes.'}"),
        ("no_template", "train: row 0: the row holds messages, but this tokenizer has no chat template"),
        ("one_label", "train: 2 good and 0 bad answers"),
        ("quantized", "quantized weights are frozen: add --use_peft"),
        ("no_file", "--dataset_name nowhere.jsonl: there is no such file"),
        ("streaming", "--dataset_streaming: KTO trains in the order of the data"),
    ],
)
def test_bad_input_is_refused_with_a_clear_message(ran, name, expected):
    assert ran[name].startswith(expected)


def test_a_used_folder_is_refused(ran):
    assert "full/checkpoint-4 is there from an earlier run" in ran["used_folder"]
