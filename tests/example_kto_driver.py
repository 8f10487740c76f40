"""Runs the KTO example in one process and reports the effects as JSON, for test_example_kto.py.

Usage: python example_kto_driver.py EXAMPLE DATA PAIRS CASES; prints one JSON object on the last line.
"""

import json
import runpy
import sys
from pathlib import Path

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import KTOConfig, ScriptArguments

EXAMPLE, DATA, PAIRS, CASES = sys.argv[1:]
example = runpy.run_path(EXAMPLE, run_name="example")
COMMON = (
    f"--dataset_name {DATA} --dataset_train_split train[:24] --dataset_test_split train[24:] "
    "--per_device_train_batch_size 4 --gradient_accumulation_steps 1 --logging_steps 1 --save_steps 4 "
    "--learning_rate 1e-3 --lr_scheduler_type constant --disable_tqdm true"
).split()


def run(folder: str, *more: str):
    return example["main"]([*COMMON, "--output_dir", folder, *more])


def message(call, *arguments):
    """The error that the call ends in, or the labels of the rows it returns."""
    try:
        found = call(*arguments)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return found["label"][:]


def distance(one, other) -> float:
    others = dict(other.named_parameters())
    return max((p - others[name]).abs().max().item() for name, p in one.named_parameters())


full = run("full", "--max_steps", "4")
start = AutoModelForCausalLM.from_pretrained(full.model.config._name_or_path, dtype="float32")
saved = {name: AutoModelForCausalLM.from_pretrained(name, dtype="float32") for name in ("full", "full/checkpoint-4")}
found = {
    "history": full.state.log_history,
    "weights": [full.desirable_weight, full.undesirable_weight],
    "policy_moved": distance(full.model, start),
    "reference_moved": distance(full.ref_model, start),
    "saved_differs": [distance(full.model, model) for model in saved.values()],
    "results": json.loads(Path("full/eval_results.json").read_text()),
    "used_folder": message(run, "full"),
    "quantized": message(run, "quantized", "--load_in_4bit", "true"),
    "no_file": message(run, "file", "--dataset_name", "nowhere.jsonl"),
    "streaming": message(run, "stream", "--dataset_streaming", "true"),
}
pairs = example["load_rows"](ScriptArguments(dataset_name=PAIRS), "train")
found["pairs"] = {"columns": sorted(pairs.column_names), "labels": pairs["label"][:]}

chosen = KTOConfig("chosen", use_cpu=True, bf16=False, desirable_weight=2.0)
example["balance"](chosen, pairs)
found["chosen_weights"] = [chosen.desirable_weight, chosen.undesirable_weight]
found["one_label"] = message(example["balance"], chosen, Dataset.from_list([{"label": True}] * 2))

tokenizer = AutoTokenizer.from_pretrained("full")
bare = AutoTokenizer.from_pretrained("full")
bare.chat_template = None
for name, (rows, max_length) in json.loads(CASES).items():
    words = bare if name == "no_template" else tokenizer
    found[name] = message(example["check_rows"], Dataset.from_list(rows), words, max_length, 4, "train")
print("\n" + json.dumps(found))
