"""The examples run offline, have the effects they claim, and their records are those of the files as they stand."""

import json
import math
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from trldoc import hub, records
from trldoc.library import settings

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
SLUGS = [path.stem for path in sorted(EXAMPLES.glob("*.toml"))]
DATA = EXAMPLES / "data"


def message(text: str) -> list[dict]:
    return [{"role": "assistant", "content": text}]


def pair(**changes) -> dict:
    return {
        "prompt": [{"role": "user", "content": "Hi?"}],
        "chosen": message("Yes."),
        "rejected": message("No."),
        **changes,
    }


BAD = {  # name: rows, max_length
    "fine": ([pair()], 64),
    "text": ([{"prompt": "Hi?", "chosen": " Yes.", "rejected": " No."}], 64),
    "implicit": ([{"chosen": "Hi? Yes.", "rejected": "Hi? No."}], 64),
    "no_column": ([{"prompt": "Hi?", "completion": "Yes."}], 64),
    "mixed": ([{"prompt": "Hi?", "chosen": message("Yes."), "rejected": message("No.")}], 64),
    "same": ([pair(), pair(rejected=message("Yes."))], 64),
    "empty": ([pair(chosen=message(" "))], 64),
    "role": ([pair(chosen=[{"from": "gpt", "value": "Yes."}])], 64),
    "nothing_shared": ([{"chosen": "Yes.", "rejected": "No."}], 64),
    "long": ([pair(prompt=[{"role": "user", "content": "word " * 100}])], 64),
    "no_template": ([pair()], 64),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict:
    """What tests/examples_driver.py found, in a process of its own on the stand-in hub."""
    folder = tmp_path_factory.mktemp("example")
    environment = {
        **os.environ,
        **hub.environment(hub.build(ROOT / ".cache")),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    arguments = [EXAMPLES / "dpo.py", DATA / "concise.jsonl", json.dumps(BAD)]
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "examples_driver.py", *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def losses(history: list[dict]) -> dict[int, float]:
    return {entry["step"]: entry["loss"] for entry in history if "loss" in entry}


def test_training_starts_at_log_two_and_learns(ran):
    found = losses(ran["full"]["history"])
    assert found[1] == pytest.approx(math.log(2), abs=1e-6)
    assert all(math.isfinite(loss) for loss in found.values())
    assert found[4] < found[1]


def test_the_policy_moves_and_the_reference_does_not(ran):
    assert ran["full"]["policy_moved"] > 0
    assert ran["full"]["reference_moved"] == 0


def test_what_is_saved_loads_and_generates(ran):
    assert ran["full"]["saved_differs"] == ran["full"]["checkpoint_differs"] == 0
    trained, loaded = ran["full"]["answers"]
    assert loaded == trained and len(loaded) > 0
    assert {"full/README.md", "full/trainer_state.json", "full/tokenizer.json"} <= set(ran["full"]["files"])


def test_evaluation_before_and_after(ran):
    evaluations = [entry for entry in ran["full"]["history"] if "eval_loss" in entry]
    assert evaluations[0]["step"] == 0 and evaluations[0]["eval_rewards/margins"] == 0
    assert ran["full"]["results"]["eval_rewards/margins"] == evaluations[-1]["eval_rewards/margins"] > 0


def test_resuming_is_the_same_as_not_stopping(ran):
    assert (ran["resumed"]["step"], ran["resumed"]["steps_done"]) == (4, 2)  # and not four steps from the beginning
    assert losses(ran["resumed"]["history"]) == losses(ran["full"]["history"])
    assert ran["resumed"]["differs"] == 0


def test_a_used_folder_is_refused(ran):
    assert ran["refused_folder"].endswith(
        "half/checkpoint-2 is there from an earlier run; go on with --resume_from_checkpoint latest, "
        "or start afresh with another --output_dir"
    )
    assert ran["nothing_to_resume"] == "--resume_from_checkpoint latest: new holds no checkpoint"


def test_lora_trains_the_adapter_only_and_needs_no_second_model(ran):
    assert not ran["lora"]["has_reference_model"]
    assert ran["lora"]["base_moved"] == 0 < ran["lora"]["adapter_moved"]
    assert {"adapter_model.safetensors", "adapter_config.json"} <= set(ran["lora"]["files"])


@pytest.mark.parametrize("name", ["fine", "text", "implicit"])
def test_good_data_is_accepted(ran, name):
    assert ran[name] == "accepted"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "no_column",
            "train: no column ['chosen', 'rejected']; DPO needs chosen and rejected, the data has ['prompt', 'comp",
        ),
        (
            "mixed",
            "train: row 0: all columns must be texts, or all must be lists of messages; found {'prompt': 'str', ",
        ),
        ("same", "train: row 1: chosen and rejected are the same, which teaches nothing"),
        ("empty", "train: row 0: chosen is empty"),
        (
            "role",
            "train: row 0: a message in chosen must have role and content; found {'from': 'gpt', 'value': 'Yes.'}",
        ),
        (
            "nothing_shared",
            "train: row 0: there is no prompt column, and chosen and rejected do not begin with the same",
        ),
        ("long", "train: every prompt has max_length=64 tokens or more; TRL would drop every pair"),
        ("no_template", "train: row 0: the rows are messages, but this tokenizer has no chat template"),
        ("quantized", "quantized weights are frozen: add --use_peft"),
        ("no_file", "--dataset_name nowhere.jsonl: there is no such file"),
    ],
)
def test_bad_input_is_refused_with_a_clear_message(ran, name, expected):
    assert ran[name].startswith(expected)


# The preference set


def test_the_set_is_what_its_table_makes_of_it():
    compose = runpy.run_path(str(DATA / "compose.py"))
    rows = compose["compose"]((DATA / "questions.txt").read_text(encoding="utf-8"))
    assert compose["lines"](rows) == (DATA / "concise.jsonl").read_text(encoding="utf-8"), (
        "run `python examples/data/compose.py`"
    )


def test_the_set_has_distinct_pairs_and_one_visible_intent():
    rows = [json.loads(line) for line in (DATA / "concise.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = {key: [row[key][-1]["content"] for row in rows] for key in ("prompt", "chosen", "rejected")}
    assert len(rows) >= 280
    for key in ("prompt", "rejected"):
        assert len({text.lower() for text in texts[key]}) == len(rows), f"{key} repeats"
    for chosen, rejected in zip(texts["chosen"], texts["rejected"], strict=True):
        assert chosen in rejected, "the long answer must hold the short one, so that only the length differs"
        assert len(chosen.split()) <= 20
        assert len(rejected.split()) >= 35
        assert not re.search(r"[{}]topic|\{(answer|remark)\}", rejected), "a template was not filled in"


# Examples and records


@pytest.mark.parametrize("slug", SLUGS)
def test_regions_are_closed(slug):
    text = (EXAMPLES / f"{slug}.py").read_text(encoding="utf-8")
    marks = {word: re.findall(rf"# --8<-- \[{word}:(\w+)\]", text) for word in ("start", "end")}
    assert marks["start"] == marks["end"] != []


def recorded(slug: str, kind: str) -> records.Record:
    name = slug if kind == "stand-in" else f"{slug}-real"
    record = records.load(records.record_path(name, ROOT))
    repair = f"make record EX={slug}" + (" WEIGHTS=real" if kind == "real" else "")
    assert record is not None, f"there is no record {name}; run `{repair}`"
    state = records.status(record, ROOT, settings(ROOT)["pinned"])
    assert state.name == "verified", f"{name} is {state.name}: {state.why}; run `{repair}`"
    return record


def kinds() -> list[tuple[str, str]]:
    asked = {slug: tomllib.loads((EXAMPLES / f"{slug}.toml").read_text(encoding="utf-8")) for slug in SLUGS}
    return [(slug, kind) for slug in SLUGS for kind in ("stand-in", "real") if kind in asked[slug]]


@pytest.mark.parametrize(("slug", "kind"), kinds())
def test_a_record_is_of_the_files_and_the_command_as_they_stand(slug, kind):
    record = recorded(slug, kind)
    asked = tomllib.loads((EXAMPLES / f"{slug}.toml").read_text(encoding="utf-8"))[kind]
    assert shlex.split(record.command) == ["python", f"examples/{slug}.py", *shlex.split(asked["arguments"])]
    assert set(record.variants) == set(asked.get("variants", {}))
    assert math.isfinite(record.summary["first_loss"]) and math.isfinite(record.summary["final_loss"])


def test_the_followed_row_is_in_the_recorded_step():
    record = recorded("dpo", "stand-in")
    row = record.example_row
    ids = row["prepared"]
    chosen = ids["prompt_ids"] + ids["chosen_ids"]
    assert {key: len(tokens) for key, tokens in row["tokens"].items()} == {key: len(v) for key, v in ids.items()}
    collate = record.function("trl.trainer.dpo_trainer:DataCollatorForPreference.torch_call")
    tensors = next(v for values in collate.lines.values() for v in values if v.name == "input_ids" and "i64" in v.value)
    assert tensors.value.split(", ")[row["batch_index"]].strip("[]") == f"i64[{len(chosen)}"
    loss = record.function("DPOTrainer._compute_loss")
    batch = next(v for values in loss.lines.values() for v in values if v.name == "completion_mask")
    collated = next(v for values in collate.lines.values() for v in values if v.name == 'output["completion_mask"]')
    assert batch.shape == collated.shape
