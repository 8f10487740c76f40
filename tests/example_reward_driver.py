"""Runs the reward example in one process and reports the effects as JSON, for test_example_reward.py.

Usage: python example_reward_driver.py EXAMPLE DATA CASES; prints one JSON object on the last line.
"""

import json
import runpy
import sys
from pathlib import Path

from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer

EXAMPLE, DATA, CASES = sys.argv[1:]
example = runpy.run_path(EXAMPLE, run_name="example")
COMMON = (
    f"--dataset_name {DATA} --dataset_train_split train[:16] --dataset_test_split train[-4:] "
    "--per_device_train_batch_size 2 --gradient_accumulation_steps 1 --logging_steps 1 --save_steps 2 "
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


def scores(model, tokenizer) -> list[float]:
    return example["score"](model, tokenizer, ["The sky is blue.", "The sky is green, or so they say."])


found = {}
full = run("full", "--max_steps", "4")
tokenizer = AutoTokenizer.from_pretrained("full")
start = AutoModelForSequenceClassification.from_pretrained("Qwen/Qwen3-0.6B", num_labels=1, dtype="float32")
saved = {name: AutoModelForSequenceClassification.from_pretrained(name) for name in ("full", "full/checkpoint-4")}
row = {"chosen": "The sky is blue.", "rejected": "The sky is green, or so they say."}
prepared = full._prepare_dataset(Dataset.from_list([row]), tokenizer, full.args, "train")[0]
found["full"] = {
    "history": full.state.log_history,
    "body_moved": distance(full.model.model, start.model),
    "saved_differs": [distance(full.model, model) for model in saved.values()],
    "scores": [scores(full.model, tokenizer), scores(saved["full"], tokenizer)],
    "encoded_as_trained": [example["encode"](row[key], tokenizer) == prepared[f"{key}_ids"] for key in row],
    "files": sorted(path.name for path in Path("full").iterdir()),
    "results": json.loads(Path("full/eval_results.json").read_text()),
}

run("half", "--max_steps", "2")
found["refused_folder"] = message(run, "half", "--max_steps", "4")
found["nothing_to_resume"] = message(run, "new", "--resume_from_checkpoint", "latest")
resumed = run("half", "--max_steps", "4", "--resume_from_checkpoint", "latest")
found["resumed_differs"] = distance(resumed.model, full.model)

lora = ("--use_peft", "true", "--lora_target_modules", "q_proj", "v_proj", "--max_steps", "2")
adapted = run("lora", *lora)
loaded = AutoModelForSequenceClassification.from_pretrained("lora", num_labels=1, dtype="float32")
found["lora"] = {
    "files": sorted(path.name for path in Path("lora").iterdir()),
    "trained": sorted({name.split(".")[-3] for name, p in adapted.model.named_parameters() if p.requires_grad}),
    "scores": [scores(adapted.model, tokenizer), scores(loaded, tokenizer)],
}
found["frozen_head"] = message(run, "frozen", *lora, "--lora_task_type", "FEATURE_EXTRACTION")
found["quantized"] = message(run, "quantized", "--load_in_4bit", "true")
found["no_file"] = message(run, "file", "--dataset_name", "nowhere.jsonl")

bare = AutoTokenizer.from_pretrained("full")
bare.chat_template = None
for name, (rows, max_length) in json.loads(CASES).items():
    chosen = bare if name == "no_template" else tokenizer
    found[name] = message(example["check_pairs"], Dataset.from_list(rows), chosen, max_length, "train")
found["report"] = example["check_pairs"](Dataset.from_list([row, row | {"chosen": "x " * 100}]), tokenizer, 64, "train")
print("\n" + json.dumps(found))
