# %% [markdown]
# # KTO: a script to start a project from
#
# Run it as it is, then change what you need:
#
# ```bash
# python kto.py --model_name_or_path Qwen/Qwen3-0.6B --output_dir kto-model --dataset_name trl-lib/kto-mix-14k
# ```
#
# The script does what a training job needs around `KTOTrainer.train()`. Most of it is about the *order* and the
# *balance* of the data: KTO takes rows in the order they are in, pairs each one with a neighbor, and weighs good and
# bad answers as often as they occur. It has no options of its own: every flag belongs to one of three classes of TRL.

# %%
# --8<-- [start:imports]
import statistics
from pathlib import Path

import torch
from datasets import Dataset, load_dataset
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import is_torch_bf16_gpu_available
from trl import (
    KTOConfig,
    KTOTrainer,
    ModelConfig,
    ScriptArguments,
    TrlParser,
    extract_prompt,
    get_peft_config,
    get_quantization_config,
    unpair_preference_dataset,
)

# --8<-- [end:imports]

# %% [markdown]
# ## Arguments
#
# `TrlParser` turns dataclasses into flags and also reads `--config job.yaml`; a flag wins over the file, and the file
# wins over the defaults below. An unknown flag is an error, so a misspelled option cannot pass unnoticed.
#
# `DEFAULTS` holds only what this script wants different from TRL:
#
# - `eval_on_start` measures the untouched model, and `logging_first_step` shows the first loss. With equal weights it
#   must be one half, because policy and reference are still the same model.
# - The batch of eight is the number of mismatched answers that the reference point is estimated from. Gradient
#   accumulation does not make that estimate better, a larger `--per_device_train_batch_size` does. The evaluation
#   batch is the same, because TRL pairs neighbors of the evaluation set in groups of the *training* batch size.
#
# Two settings depend on the machine. TRL trains under bfloat16 autocast unless told otherwise and stops where the
# device cannot do it. Without an accelerator the script trains in float32 on the CPU, which is slow and exact.

# %%
# --8<-- [start:arguments]
DEFAULTS = {
    "model_name_or_path": "Qwen/Qwen3-0.6B",
    "dataset_name": "trl-lib/kto-mix-14k",
    "output_dir": "kto-model",
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 4,
    "eval_strategy": "steps",
    "eval_steps": 100,
    "eval_on_start": True,
    "save_steps": 100,
    "save_total_limit": 2,
    "logging_first_step": True,
    "report_to": "none",  # or "trackio", "wandb", "tensorboard"
}


def parse(argv: list[str] | None = None) -> tuple[ScriptArguments, KTOConfig, ModelConfig]:
    parser = TrlParser((ScriptArguments, KTOConfig, ModelConfig))
    parser.set_defaults_with_config(
        **DEFAULTS, bf16=is_torch_bf16_gpu_available(), use_cpu=not torch.accelerator.is_available()
    )
    script_args, training_args, model_args = parser.parse_args_and_config(argv)
    training_args.per_device_eval_batch_size = training_args.per_device_train_batch_size
    return script_args, training_args, model_args


# --8<-- [end:arguments]

# %% [markdown]
# ## Data
#
# A data set on the hub and a file of your own are used in the same way, and so are rows with a label and pairs of
# answers. Two things happen here that the trainer does not do:
#
# - **Pairs are taken apart, then shuffled.** TRL takes pairs apart as well, but leaves a thousand chosen answers in
#   front of a thousand rejected ones, and then trains in that order.
# - **Rows are shuffled**, once and with a fixed seed. `KTOTrainer` does not: no seed of the configuration changes the
#   order. A file that is sorted by label, topic or length would be trained in that order, in every epoch.
#
# A stream cannot be shuffled well or counted, so the script refuses one.

# %%
# --8<-- [start:load]
READERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}
SHUFFLE_SEED = 0


def load_rows(script_args: ScriptArguments, split: str) -> Dataset:
    if script_args.dataset_streaming:
        raise ValueError(
            "--dataset_streaming: KTO trains in the order of the data, and a stream cannot be shuffled whole"
        )
    name = script_args.dataset_name
    reader = READERS.get(Path(name).suffix)
    if reader is not None:
        if not Path(name).is_file():
            raise FileNotFoundError(f"--dataset_name {name}: there is no such file")
        dataset = load_dataset(reader, data_files=name, split=split)
    else:
        dataset = load_dataset(name, name=script_args.dataset_config, split=split)
    if {"chosen", "rejected"} <= set(dataset.column_names):
        if "prompt" not in dataset.column_names:
            dataset = dataset.map(extract_prompt)
        dataset = unpair_preference_dataset(dataset)
    return dataset.shuffle(seed=SHUFFLE_SEED)


# --8<-- [end:load]

# %% [markdown]
# ## The data check
#
# KTO trains on whatever it is given. A label of -1 counts as *good*. A prompt that fills `max_length` is dropped
# without a count. A last batch of one row compares an answer with itself. So the check looks at every row the way TRL
# will see it, stops with a message that names the row, and leaves out what cannot be used, with a count.


# %%
# --8<-- [start:check]
def check_rows(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, batch_size: int, name: str
) -> Dataset:
    """Refuse data that would train the wrong thing; print a report. Returns the rows that can be used."""
    missing = {"prompt", "completion", "label"} - set(dataset.column_names)
    if missing:
        raise ValueError(f"{name}: no column {sorted(missing)}; KTO needs prompt, completion and label, or pairs")
    short_enough, lengths = [], []
    for number, row in enumerate(dataset):
        problem = find_problem(row, tokenizer)
        if problem:
            raise ValueError(f"{name}: row {number}: {problem}")
        lengths.append(token_count(row["prompt"] + row["completion"], tokenizer))
        if max_length is None or token_count(row["prompt"], tokenizer) < max_length:
            short_enough.append(number)
    if len(short_enough) % batch_size == 1:
        short_enough.pop()  # alone in the last batch, an answer would be its own mismatched answer
    if not short_enough:
        raise ValueError(
            f"{name}: no row is left of {len(dataset)}; prompts must be shorter than max_length={max_length}"
        )
    kept = dataset.select(short_enough)
    good = sum(kept["label"])
    report = {
        "rows": len(kept),
        "left_out": len(dataset) - len(kept),
        "good": good,
        "bad": len(kept) - good,
        "median_tokens": statistics.median(lengths),
        "truncated": sum(length > max_length for length in lengths) if max_length else 0,
    }
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in report.items()))
    return kept


def find_problem(row: dict, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What is wrong with one row, or None."""
    if row["label"] not in (True, False):  # 1 and 0 pass as well
        return f"label must be true or false; found {row['label']!r}"
    kinds = {key: type(row[key]).__name__ for key in ("prompt", "completion")}
    if set(kinds.values()) not in ({"str"}, {"list"}):
        return f"prompt and completion must be two texts, or two lists of messages; found {kinds}"
    if isinstance(row["completion"], list):
        for message in row["prompt"] + row["completion"]:
            if not isinstance(message, dict) or not {"role", "content"} <= set(message):
                return f"a message must have role and content; found {message!r}"
        if tokenizer.chat_template is None:
            return (
                "the row holds messages, but this tokenizer has no chat template; use an instruct model or plain text"
            )
    if not text_of(row["completion"]).strip():
        return "completion is empty"
    return None


def text_of(part: str | list[dict]) -> str:
    return part if isinstance(part, str) else "".join(str(message["content"] or "") for message in part)


def token_count(part: str | list[dict], tokenizer: PreTrainedTokenizerBase) -> int:
    if isinstance(part, str):
        return len(tokenizer(part)["input_ids"])
    return len(tokenizer.apply_chat_template(part, tokenize=True, return_dict=True)["input_ids"])


# --8<-- [end:check]

# %% [markdown]
# ## Balance
#
# Where one label is more frequent, its answers pull more often. The weights make up for it. This lets the rarer label
# weigh more, so that both labels have the same total weight, unless a weight was given on the command line. Weights
# are factors of the loss, so a large one also acts like a larger learning rate.


# %%
# --8<-- [start:balance]
def balance(training_args: KTOConfig, dataset: Dataset) -> None:
    """Give the rarer label the weight that makes both totals equal; leave weights alone that somebody chose."""
    good = sum(dataset["label"])
    bad = len(dataset) - good
    if 0 in (good, bad):
        raise ValueError(
            f"train: {good} good and {bad} bad answers; with one label alone there is nothing to tell apart"
        )
    if (training_args.desirable_weight, training_args.undesirable_weight) == (1.0, 1.0):
        if good > bad:
            training_args.undesirable_weight = round(good / bad, 2)
        else:
            training_args.desirable_weight = round(bad / good, 2)
    print(f"weights: good {training_args.desirable_weight}, bad {training_args.undesirable_weight}")


# --8<-- [end:balance]

# %% [markdown]
# ## Model, adapter, precision
#
# The trainer loads the model itself when it is given a name. That is worth doing: it can then load the reference
# model with the same settings.
#
# - **Full fine-tuning** (the default) keeps a second, frozen copy of the model as the reference.
# - **LoRA** (`--use_peft`) needs no second copy: with the adapter switched off, the model *is* the reference. Give it
#   a larger learning rate, for example `--learning_rate 1e-5`.
# - **4 or 8 bit** (`--load_in_4bit`) stores the frozen weights small. Nothing can be trained in 4 bit, so the script
#   refuses it without an adapter.
# - **No memory for a reference?** `--precompute_ref_log_probs true` computes its two numbers a row before training.


# %%
# --8<-- [start:trainer]
def build_trainer(
    training_args: KTOConfig,
    model_args: ModelConfig,
    tokenizer: PreTrainedTokenizerBase,
    train_dataset: Dataset,
    eval_dataset: Dataset | None,
) -> KTOTrainer:
    if (model_args.load_in_4bit or model_args.load_in_8bit) and not model_args.use_peft:
        raise ValueError("quantized weights are frozen: add --use_peft, or leave out --load_in_4bit and --load_in_8bit")
    training_args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        **(training_args.model_init_kwargs or {}),
    }
    return KTOTrainer(
        model=model_args.model_name_or_path,
        args=training_args,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        processing_class=tokenizer,
        quantization_config=get_quantization_config(model_args),
        peft_config=get_peft_config(model_args),
    )


# --8<-- [end:trainer]

# %% [markdown]
# ## Resuming
#
# A folder that already holds checkpoints is another run, so the script asks for a decision: `--resume_from_checkpoint
# latest` goes on from the newest one, a path goes on from that one, and a new `--output_dir` starts afresh. Keep
# `--model_name_or_path` as it was: it names the reference as well.


# %%
# --8<-- [start:resume]
def find_checkpoint(training_args: KTOConfig) -> str | None:
    folder = Path(training_args.output_dir)
    newest = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    wanted = training_args.resume_from_checkpoint
    if wanted == "latest":
        if newest is None:
            raise ValueError(f"--resume_from_checkpoint latest: {folder} holds no checkpoint")
        return newest
    if wanted is None and newest is not None:
        raise ValueError(
            f"{newest} is there from an earlier run; go on with --resume_from_checkpoint latest, "
            "or start afresh with another --output_dir"
        )
    return wanted


# --8<-- [end:resume]

# %% [markdown]
# ## Train, evaluate, save
#
# What stays behind in `--output_dir` is a model that `from_pretrained` loads (or an adapter), its tokenizer and model
# card, `trainer_state.json` with everything that was logged, and `eval_results.json` with the final numbers.
#
# When you read those: `eval_rewards/margins` says how much further good answers have moved than bad ones, and
# `eval_kl` is the reference point, never below zero. KTO logs no accuracy: rows come one by one, so there is no pair
# of which one could be right.


# %%
# --8<-- [start:main]
def main(argv: list[str] | None = None) -> KTOTrainer:
    script_args, training_args, model_args = parse(argv)
    checkpoint = find_checkpoint(training_args)
    limits = (training_args.max_length, training_args.per_device_train_batch_size)

    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path, revision=model_args.model_revision)
    train_dataset = load_rows(script_args, script_args.dataset_train_split)
    train_dataset = check_rows(train_dataset, tokenizer, *limits, "train")
    balance(training_args, train_dataset)
    eval_dataset = None
    if training_args.eval_strategy != "no":
        eval_dataset = load_rows(script_args, script_args.dataset_test_split)
        eval_dataset = check_rows(eval_dataset, tokenizer, *limits, "eval")

    trainer = build_trainer(training_args, model_args, tokenizer, train_dataset, eval_dataset)
    trainer.train(resume_from_checkpoint=checkpoint)

    trainer.save_model()
    trainer.save_state()
    trainer.create_model_card(dataset_name=script_args.dataset_name)
    if eval_dataset is not None:
        metrics = trainer.evaluate()
        trainer.log_metrics("eval", metrics)
        trainer.save_metrics("eval", metrics)
    if training_args.push_to_hub:
        trainer.push_to_hub(dataset_name=script_args.dataset_name)
    return trainer


if __name__ == "__main__":
    main()
# --8<-- [end:main]
