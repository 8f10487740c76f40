# %% [markdown]
# # Reward: a script to start a project from
#
# Run it as it is, then change what you need:
#
# ```bash
# python reward.py --model_name_or_path Qwen/Qwen3-0.6B --output_dir reward-model \
#     --dataset_name trl-lib/ultrafeedback_binarized
# ```
#
# The script does what a training job needs around `RewardTrainer.train()`: it reads arguments, refuses data that would
# train the wrong thing, says what a rule that only counts tokens would achieve, makes sure that the new head is trained,
# and at the end loads what it saved and scores a pair with it. It has no options of its own: every flag belongs to one
# of three classes of TRL.

# %%
# --8<-- [start:imports]
import statistics
from pathlib import Path

import torch
from datasets import Dataset, load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import is_torch_bf16_gpu_available
from trl import (
    ModelConfig,
    RewardConfig,
    RewardTrainer,
    ScriptArguments,
    TrlParser,
    get_peft_config,
    get_quantization_config,
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
# - `lora_task_type` is `SEQ_CLS`, because TRL's own default is for language models: with it `--use_peft` fails. It also
#   makes PEFT train and save the new head.
# - `learning_rate` is a tenth of TRL's, because it is meant for training all weights. Give LoRA more.
# - `eval_on_start` measures the untouched model. Its head is random, so its accuracy is chance, and its loss is near
#   log 2. A trained model that is no better has learned nothing.
#
# Two settings depend on the machine. TRL trains under bfloat16 autocast unless told otherwise and stops where the
# device cannot do it. Without an accelerator the script trains in float32 on the CPU, which is slow and exact.

# %%
# --8<-- [start:arguments]
DEFAULTS = {
    "model_name_or_path": "Qwen/Qwen3-0.6B",
    "dataset_name": "trl-lib/ultrafeedback_binarized",
    "output_dir": "reward-model",
    "learning_rate": 1e-5,
    "lora_task_type": "SEQ_CLS",
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


def parse(argv: list[str] | None = None) -> tuple[ScriptArguments, RewardConfig, ModelConfig]:
    parser = TrlParser((ScriptArguments, RewardConfig, ModelConfig))
    parser.set_defaults_with_config(
        **DEFAULTS, bf16=is_torch_bf16_gpu_available(), use_cpu=not torch.accelerator.is_available()
    )
    return parser.parse_args_and_config(argv)


# --8<-- [end:arguments]

# %% [markdown]
# ## Data
#
# A data set on the hub and a file of your own are used in the same way. `--dataset_train_split` is passed on as it
# is, so `"train[:240]"` takes the first 240 rows of a file that has no test split.

# %%
# --8<-- [start:load]
READERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}


def load_pairs(script_args: ScriptArguments, split: str) -> Dataset:
    name, streaming = script_args.dataset_name, script_args.dataset_streaming
    reader = READERS.get(Path(name).suffix)
    if reader is not None:
        if not Path(name).is_file():
            raise FileNotFoundError(f"--dataset_name {name}: there is no such file")
        return load_dataset(reader, data_files=name, split=split, streaming=streaming)
    return load_dataset(name, name=script_args.dataset_config, split=split, streaming=streaming)


# --8<-- [end:load]

# %% [markdown]
# ## The data check
#
# `RewardTrainer` trains on whatever it is given. It drops a pair of which one answer is longer than `max_length`,
# without a count. It reads a column named `margin` into the loss, whoever wrote that column. And a model that learned
# "longer is better" has a fine accuracy on most preference sets. So the check looks at the rows as TRL will see them
# and stops with a message that names the row.
#
# It also prints two accuracies that cost nothing: the share of pairs whose chosen answer is the longer one, and the
# share whose chosen answer is the shorter one. A trained reward model has to beat both.

# %%
# --8<-- [start:check]
CHECKED_ROWS = 2000  # enough to find a systematic mistake; reading all of a large data set would take minutes


def check_pairs(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, name: str) -> dict:
    """Refuse data that would train the wrong thing. Returns the number of rows and what their lengths tell."""
    columns = list(dataset.column_names or next(iter(dataset)))
    missing = {"chosen", "rejected"} - set(columns)
    if missing:
        raise ValueError(
            f"{name}: no column {sorted(missing)}; a reward model needs chosen and rejected, the data has {columns}"
        )
    rows = list(dataset.take(CHECKED_ROWS))
    if not rows:
        raise ValueError(f"{name}: the data set has no rows")
    lengths = []
    for number, row in enumerate(rows):
        problem = find_problem(row, tokenizer)
        if problem:
            raise ValueError(f"{name}: row {number}: {problem}")
        lengths.append([len(encode(text, tokenizer)) for text in whole_texts(row)])
    dropped = sum(max(pair) > max_length for pair in lengths) if max_length else 0
    if dropped == len(rows):
        raise ValueError(f"{name}: every pair is longer than max_length={max_length}; TRL would drop them all")
    report = {
        "rows": len(rows),
        "dropped": dropped,
        "longest_tokens": max(max(pair) for pair in lengths),
        "accuracy_of_longer_is_better": round(statistics.mean(chosen > rejected for chosen, rejected in lengths), 3),
        "accuracy_of_shorter_is_better": round(statistics.mean(chosen < rejected for chosen, rejected in lengths), 3),
        "margin": "margin" in columns,
    }
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in report.items()))
    return report


def find_problem(row: dict, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What is wrong with one pair, or None."""
    kinds = {key: type(row[key]).__name__ for key in ("prompt", "chosen", "rejected") if key in row}
    if len(set(kinds.values())) != 1 or not set(kinds.values()) <= {"str", "list"}:
        return f"all columns must be texts, or all must be lists of messages; found {kinds}"
    if isinstance(row["chosen"], list):
        for message in [message for key in kinds for message in row[key]]:
            if not isinstance(message, dict) or not {"role", "content"} <= set(message):
                return f"a message must have role and content; found {message!r}"
        if tokenizer.chat_template is None:
            return "the rows are messages, but this tokenizer has no chat template; use an instruct model or plain text"
    if row["chosen"] == row["rejected"]:
        return "chosen and rejected are the same, which teaches nothing"
    if row.get("prompt") and row["chosen"][: len(row["prompt"])] == row["prompt"]:
        return "chosen begins with the prompt, so the prompt would be there twice; remove the prompt column"
    if "margin" in row and not isinstance(row["margin"], (int, float)):
        return f"a margin must be a number; found {row['margin']!r}"
    return None


def whole_texts(row: dict) -> list[str | list[dict]]:
    """What is scored: prompt and answer, chosen first."""
    return [row["prompt"] + row[key] if "prompt" in row else row[key] for key in ("chosen", "rejected")]


# --8<-- [end:check]

# %% [markdown]
# ## Scoring a text
#
# A reward model reads one number from the last token that is not padding. So what is scored later has to *end* like
# what was trained on. TRL ends a plain text with the end-of-sequence token, and takes messages as the chat template
# writes them, line break behind the end marker included. `encode` does the same, and everything here scores through
# it: use it wherever you use the model.


# %%
# --8<-- [start:score]
def encode(text: str | list[dict], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids of a whole conversation or text, as RewardTrainer makes them."""
    if isinstance(text, list):
        return tokenizer.apply_chat_template(text, tokenize=True, return_dict=True)["input_ids"]
    return tokenizer(text if text.endswith(tokenizer.eos_token) else text + tokenizer.eos_token)["input_ids"]


def score(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str | list[dict]]) -> list[float]:
    """One reward a text. Only differences between answers to the same prompt mean something."""
    batch = tokenizer.pad({"input_ids": [encode(text, tokenizer) for text in texts]}, return_tensors="pt")
    model.eval()
    with torch.no_grad():
        return model(**batch.to(model.device)).logits.squeeze(-1).tolist()


# --8<-- [end:score]

# %% [markdown]
# ## Model, head, adapter
#
# The trainer loads the model itself when it is given a name. That is worth doing: it takes care that there is one
# output, sets the seed before the head is drawn, and loads in float32.
#
# - **Full fine-tuning** (the default) trains everything.
# - **LoRA** (`--use_peft`) freezes all but the adapter. A head that is frozen as well stays random, and a head that is
#   not saved is another random one when you load the adapter. So the script looks, and refuses to train without it.
#   Give it a larger learning rate, for example `--learning_rate 1e-4`.
# - **4 or 8 bit** (`--load_in_4bit`) stores the frozen weights small, so the script refuses it without an adapter.


# %%
# --8<-- [start:trainer]
def build_trainer(
    training_args: RewardConfig,
    model_args: ModelConfig,
    tokenizer: PreTrainedTokenizerBase,
    train_dataset: Dataset,
    eval_dataset: Dataset | None,
) -> RewardTrainer:
    if (model_args.load_in_4bit or model_args.load_in_8bit) and not model_args.use_peft:
        raise ValueError("quantized weights are frozen: add --use_peft, or leave out --load_in_4bit and --load_in_8bit")
    training_args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        **(training_args.model_init_kwargs or {}),
    }
    trainer = RewardTrainer(
        model=model_args.model_name_or_path,
        args=training_args,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        processing_class=tokenizer,
        quantization_config=get_quantization_config(model_args),
        peft_config=get_peft_config(model_args),
    )
    trained = {name for name, weight in trainer.model.named_parameters() if weight.requires_grad}
    if not any("score" in name.split(".") for name in trained):
        raise ValueError("the head `score` is frozen: add --lora_modules_to_save score, or --lora_task_type SEQ_CLS")
    return trainer


# --8<-- [end:trainer]

# %% [markdown]
# ## Resuming
#
# A folder that already holds checkpoints is another run, so the script asks for a decision: `--resume_from_checkpoint
# latest` goes on from the newest one, a path goes on from that one, and a new `--output_dir` starts afresh.


# %%
# --8<-- [start:resume]
def find_checkpoint(training_args: RewardConfig) -> str | None:
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
# ## Train, evaluate, save, load
#
# What stays behind in `--output_dir` is a model that `AutoModelForSequenceClassification.from_pretrained` loads (or an
# adapter with its head), the tokenizer with its chat template, a model card, `trainer_state.json` with everything that
# was logged, and `eval_results.json` with the final numbers.
#
# The last lines load that folder and score the first pair of the data with it, as a user of the model would. With an
# adapter, transformers reports a missing `score.weight` while it loads the base model; the head comes with the adapter a
# moment later.


# %%
# --8<-- [start:main]
def main(argv: list[str] | None = None) -> RewardTrainer:
    script_args, training_args, model_args = parse(argv)
    checkpoint = find_checkpoint(training_args)

    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path, revision=model_args.model_revision)
    train_dataset = load_pairs(script_args, script_args.dataset_train_split)
    check_pairs(train_dataset, tokenizer, training_args.max_length, "train")
    eval_dataset = None
    if training_args.eval_strategy != "no":
        eval_dataset = load_pairs(script_args, script_args.dataset_test_split)
        check_pairs(eval_dataset, tokenizer, training_args.max_length, "eval")

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

    saved = AutoModelForSequenceClassification.from_pretrained(training_args.output_dir, num_labels=1)
    row = next(iter(train_dataset if eval_dataset is None else eval_dataset))
    chosen, rejected = score(saved, AutoTokenizer.from_pretrained(training_args.output_dir), whole_texts(row))
    print(f"the saved model gives the chosen answer {chosen:.3f} and the rejected one {rejected:.3f}")
    return trainer


if __name__ == "__main__":
    main()
# --8<-- [end:main]
