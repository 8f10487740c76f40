"""The GRPO example runs offline, moves the policy, saves what loads, and refuses what would waste generation."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trldoc import hub

ROOT = Path(__file__).resolve().parents[1]
DRIVER = """
import json, runpy, sys
from pathlib import Path
from transformers import AutoModelForCausalLM
example = runpy.run_path(sys.argv[1], run_name="example")
COMMON = (
    f"--dataset_name {sys.argv[2]} --dataset_train_split train[:8] --per_device_train_batch_size 4 --num_generations 4 "
    "--gradient_accumulation_steps 1 --max_completion_length 4 --mask_truncated_completions false --logging_steps 1 "
    "--log_completions false --save_steps 2 --learning_rate 1e-3 --disable_tqdm true"
).split()

def run(folder, *more):
    return example["main"]([*COMMON, "--output_dir", folder, *more])

def message(call, *arguments):
    try:
        call(*arguments)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return "accepted"

full = run("full", "--max_steps", "2", "--eval_strategy", "steps", "--eval_steps", "2", "--dataset_test_split", "train[:1]",
           "--num_generations_eval", "4", "--per_device_eval_batch_size", "4")
start = AutoModelForCausalLM.from_pretrained(full.model.config._name_or_path, dtype="float32")
saved = AutoModelForCausalLM.from_pretrained("full", dtype="float32")
def distance(one, other):
    others = dict(other.named_parameters())
    return max((p - others[name]).abs().max().item() for name, p in one.named_parameters())
found = {
    "history": full.state.log_history,
    "moved": distance(full.model, start), "saved_differs": distance(full.model, saved),
    "resumed": run("full", "--max_steps", "3", "--resume_from_checkpoint", "latest").state.global_step,
    "used_folder": message(run, "full"),
    "nothing_to_resume": message(run, "new", "--resume_from_checkpoint", "latest"),
    "few_rows": message(run, "few", "--generation_batch_size", "64"),
    "quantized": message(run, "q", "--load_in_4bit", "true"),
    "no_file": message(run, "none", "--dataset_name", "nowhere.jsonl"),
    "rewards": example["correct"]([[{"content": "It is 5, no 7."}], "5", "5"], answer=["7", "6", None]),
    "lora": run("lora", "--max_steps", "1", "--use_peft", "true", "--lora_target_modules", "q_proj", "v_proj",
                "--beta", "0.1").ref_model is None,
}
print("\\n" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict:
    """What the driver found, in a process of its own on the stand-in hub."""
    folder = tmp_path_factory.mktemp("grpo")
    environment = {
        **os.environ,
        **hub.environment(hub.build(ROOT / ".cache")),
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    arguments = [ROOT / "examples" / "grpo.py", ROOT / "examples" / "data" / "sums.jsonl"]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_training_moves_the_policy_and_what_is_saved_loads(ran):
    losses = [entry["loss"] for entry in ran["history"] if "loss" in entry]
    assert losses and all(math.isfinite(loss) for loss in losses)
    assert ran["moved"] > 0 == ran["saved_differs"]


def test_rewards_of_training_and_evaluation_are_logged(ran):
    assert any("rewards/brief/mean" in entry for entry in ran["history"])
    assert any("eval_rewards/correct/mean" in entry for entry in ran["history"])


def test_the_reward_reads_the_last_number_and_may_have_no_opinion(ran):
    assert ran["rewards"] == [1.0, 0.0, None]


def test_a_run_goes_on_and_lora_needs_no_second_model(ran):
    assert ran["resumed"] == 3
    assert ran["lora"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing_to_resume", "--resume_from_checkpoint latest: new holds no checkpoint"),
        ("few_rows", "train: 8 rows do not fill one generation batch of 16 prompts"),
        ("quantized", "quantized weights are frozen: add --use_peft"),
        ("no_file", "--dataset_name nowhere.jsonl: there is no such file"),
    ],
)
def test_bad_input_is_refused_with_a_clear_message(ran, name, expected):
    assert ran[name].startswith(expected)


def test_a_used_folder_is_refused(ran):
    assert "is there from an earlier run" in ran["used_folder"]
