"""Runs the SFT example in one process and reports the effects as JSON, for test_example_sft.py.

Usage: python example_sft_driver.py EXAMPLE DATA SHARED CASES; prints one JSON object on the last line.
"""

import json
import runpy
import sys
from pathlib import Path

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import ScriptArguments

EXAMPLE, DATA, SHARED, CASES = sys.argv[1:]
example = runpy.run_path(EXAMPLE, run_name="example")
COMMON = (
    f"--dataset_name {DATA} --dataset_train_split train[:16] --dataset_test_split train[-4:] --assistant_only_loss true "
    "--per_device_train_batch_size 4 --gradient_accumulation_steps 1 --logging_steps 1 --save_steps 2 "
    "--learning_rate 1e-3 --lr_scheduler_type constant --disable_tqdm true"
).split()


def run(folder: str, *more: str):
    return example["main"]([*COMMON, "--output_dir", folder, *more])


def message(call, *arguments) -> str:
    try:
        call(*arguments)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return "accepted"


def distance(one, other) -> float:
    """Largest difference between two models' parameters of the same name."""
    others = dict(other.named_parameters())
    return max((p - others[name]).abs().max().item() for name, p in one.named_parameters() if name in others)


full = run("full", "--max_steps", "4")
start = AutoModelForCausalLM.from_pretrained(full.model.config._name_or_path, dtype="float32")
loaded = [AutoModelForCausalLM.from_pretrained(name, dtype="float32") for name in ("full", "full/checkpoint-4")]
tokenizer = AutoTokenizer.from_pretrained("full")
found = {
    "history": full.state.log_history,
    "moved": distance(full.model, start),
    "saved_differs": [distance(full.model, model) for model in loaded],
    "results": json.loads(Path("full/eval_results.json").read_text()),
    "report": example["report"](full, 16, "train"),
    "used_folder": message(run, "full", "--max_steps", "8"),
}
run("half", "--max_steps", "2")
resumed = run("half", "--max_steps", "4", "--resume_from_checkpoint", "latest")
found["resumed_differs"] = distance(resumed.model, full.model)

adapted = run("lora", "--max_steps", "1", "--use_peft", "true", "--lora_target_modules", "q_proj", "v_proj")
found["trained"] = sorted({name.split(".")[-3] for name, p in adapted.model.named_parameters() if p.requires_grad})
found["quantized"] = message(run, "quantized", "--load_in_4bit", "true")
found["no_file"] = message(run, "file", "--dataset_name", "nowhere.jsonl")
found["too_long"] = message(run, "long", "--max_length", "4", "--eval_strategy", "no", "--eval_on_start", "false")

shared = example["load_rows"](ScriptArguments(dataset_name=SHARED), "train")
found["speakers"] = [[message["role"] for message in row["messages"]] for row in shared.take(1)]
plain = AutoTokenizer.from_pretrained("full")
plain.chat_template = None
for name, rows in json.loads(CASES).items():
    chosen = plain if name == "no_template" else tokenizer
    found[name] = message(example["check_rows"], Dataset.from_list(rows), chosen, "train")
print("\n" + json.dumps(found))
