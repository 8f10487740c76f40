"""Runs the DPO example several times in one process and reports the effects as JSON, for test_examples.py.

Usage: python examples_driver.py EXAMPLE DATA CASES; prints one JSON object on the last line.
"""

import json
import runpy
import sys
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

EXAMPLE, DATA, CASES = sys.argv[1:]
example = runpy.run_path(EXAMPLE, run_name="example")
COMMON = (
    f"--dataset_name {DATA} --dataset_train_split train[:16] --dataset_test_split train[-4:] "
    "--per_device_train_batch_size 2 --gradient_accumulation_steps 1 --logging_steps 1 --save_steps 2 "
    "--learning_rate 1e-3 --lr_scheduler_type constant --disable_tqdm true"
).split()


def run(folder: str, *more: str):
    return example["main"]([*COMMON, "--output_dir", folder, *more])


def count_steps(trainer_class) -> list[int]:
    """A list that holds the number of training steps done since it was last set to zero."""
    done, step = [0], trainer_class.training_step

    def counted(self, *args, **kwargs):
        done[0] += 1
        return step(self, *args, **kwargs)

    trainer_class.training_step = counted
    return done


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


def answer(model, tokenizer) -> list[int]:
    ids = tokenizer("What is the capital of France?", return_tensors="pt")["input_ids"]
    return model.generate(ids, max_new_tokens=5, do_sample=False)[0, ids.shape[1] :].tolist()


found = {}
steps = count_steps(example["DPOTrainer"])
full = run("full", "--max_steps", "4")
start = AutoModelForCausalLM.from_pretrained(full.model.config._name_or_path, dtype="float32")
loaded = {name: AutoModelForCausalLM.from_pretrained(name, dtype="float32") for name in ("full", "full/checkpoint-4")}
tokenizer = AutoTokenizer.from_pretrained("full")
found["full"] = {
    "history": full.state.log_history,
    "policy_moved": distance(full.model, start),
    "reference_moved": distance(full.ref_model, start),
    "saved_differs": distance(full.model, loaded["full"]),
    "checkpoint_differs": distance(full.model, loaded["full/checkpoint-4"]),
    "answers": [answer(full.model, tokenizer), answer(loaded["full"], tokenizer)],
    "files": sorted(str(path) for path in Path("full").iterdir()),
    "results": json.loads(Path("full/eval_results.json").read_text()),
}

run("half", "--max_steps", "2")
found["refused_folder"] = message(run, "half", "--max_steps", "4")
found["nothing_to_resume"] = message(run, "new", "--resume_from_checkpoint", "latest")
steps[0] = 0
resumed = run("half", "--max_steps", "4", "--resume_from_checkpoint", "latest")
found["resumed"] = {
    "step": resumed.state.global_step,
    "steps_done": steps[0],
    "history": resumed.state.log_history,
    "differs": distance(resumed.model, full.model),
}

adapted = run("lora", "--max_steps", "2", "--use_peft", "true", "--lora_target_modules", "q_proj", "v_proj")
parameters = dict(adapted.model.named_parameters())
base = dict(start.named_parameters())
found["lora"] = {
    "files": sorted(path.name for path in Path("lora").iterdir()),
    "has_reference_model": adapted.ref_model is not None,
    "base_moved": max(
        (parameter - base[name.removeprefix("base_model.model.").replace(".base_layer", "")]).abs().max().item()
        for name, parameter in parameters.items()
        if "lora_" not in name
    ),
    "adapter_moved": max(p.abs().max().item() for name, p in parameters.items() if "lora_B" in name),
}

found["quantized"] = message(run, "quantized", "--load_in_4bit", "true")
found["no_file"] = message(run, "file", "--dataset_name", "nowhere.jsonl")
plain = AutoTokenizer.from_pretrained("full")
plain.chat_template = None
for name, (rows, max_length) in json.loads(CASES).items():
    chosen = plain if name == "no_template" else tokenizer
    found[name] = message(example["check_pairs"], Dataset.from_list(rows), chosen, max_length, "train")
found["threads"] = torch.get_num_threads()
print("\n" + json.dumps(found))
