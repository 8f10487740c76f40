# %% [markdown]
# # SFT: a script to start a project from
#
# Run it as it is, then change what you need:
#
# ```bash
# python sft.py --model_name_or_path Qwen/Qwen3-0.6B --output_dir sft-model \
#     --dataset_name trl-lib/Capybara --assistant_only_loss
# ```
#
# The script does what a training job needs around `SFTTrainer.train()`: it reads arguments, refuses rows that would
# train the wrong thing, chooses precision, shows which tokens are trained *before* it trains on them, evaluates before
# and after, saves and resumes. It has no options of its own: every flag belongs to one of three classes of TRL.

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
    ModelConfig,
    ScriptArguments,
    SFTConfig,
    SFTTrainer,
    TrlParser,
    get_peft_config,
    get_quantization_config,
)

# --8<-- [end:imports]

# %% [markdown]
# ## Arguments
#
# `TrlParser` turns dataclasses into flags: `ScriptArguments` names the data, `SFTConfig` holds everything about
# training, `ModelConfig` holds the model, LoRA and quantization. It also reads `--config job.yaml`; a flag wins over
# the file, and the file wins over the defaults below. An unknown flag is an error.
#
# `DEFAULTS` holds only what this script wants different from TRL:
#
# - `eval_on_start` measures the untouched model, so that every later number has something to be compared with.
# - `logging_first_step` shows the first loss. For a pretrained model it is near the loss of the first evaluation.
# - `save_total_limit` keeps two checkpoints: the newest, and one to fall back to.
#
# Left to you, because they depend on the data: `--assistant_only_loss` trains on the assistant's turns only,
# `--packing` fills rows up to `--max_length`, and `--max_length` (1024 tokens unless you say otherwise) cuts the end
# off longer rows.
#
# Two settings depend on the machine. TRL trains under bfloat16 autocast unless told otherwise and stops where the
# device cannot do it. Without an accelerator the script trains in float32 on the CPU, which is slow and exact.

# %%
# --8<-- [start:arguments]
DEFAULTS = {
    "model_name_or_path": "Qwen/Qwen3-0.6B",
    "dataset_name": "trl-lib/Capybara",
    "output_dir": "sft-model",
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 4,
    "eval_strategy": "steps",
    "eval_steps": 100,
    "eval_on_start": True,
    "save_steps": 100,
    "save_total_limit": 2,
    "logging_first_step": True,
    "report_to": "none",  # or "trackio", "wandb", "tensorboard"
}


def parse(argv: list[str] | None = None) -> tuple[ScriptArguments, SFTConfig, ModelConfig]:
    parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig))
    parser.set_defaults_with_config(
        **DEFAULTS, bf16=is_torch_bf16_gpu_available(), use_cpu=not torch.accelerator.is_available()
    )
    return parser.parse_args_and_config(argv)


# --8<-- [end:arguments]

# %% [markdown]
# ## Data
#
# A data set on the hub and a file of your own are used in the same way. `--dataset_train_split` is passed on as it
# is, so `"train[:900]"` takes the first 900 rows of a file that has no test split.
#
# Rows in the shape known from ShareGPT need one thing more. TRL renames `from` to `role` and `value` to `content`, but
# it keeps the names of the speakers, and a chat template that knows no `human` and no `gpt` may leave their words out.
# So the script renames the speakers as well.

# %%
# --8<-- [start:load]
READERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}
SPEAKERS = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant"}


def load_rows(script_args: ScriptArguments, split: str) -> Dataset:
    name, streaming = script_args.dataset_name, script_args.dataset_streaming
    reader = READERS.get(Path(name).suffix)
    if reader is not None:
        if not Path(name).is_file():
            raise FileNotFoundError(f"--dataset_name {name}: there is no such file")
        rows = load_dataset(reader, data_files=name, split=split, streaming=streaming)
    else:
        rows = load_dataset(name, name=script_args.dataset_config, split=split, streaming=streaming)
    if "conversations" in (rows.column_names or next(iter(rows))):
        rows = rows.map(name_speakers, remove_columns="conversations")
    return rows


def name_speakers(row: dict) -> dict:
    """{"conversations": [{"from", "value"}]} -> {"messages": [{"role", "content"}]}, with roles that templates know."""
    turns = [
        (turn.get("from", turn.get("role")), turn.get("value", turn.get("content"))) for turn in row["conversations"]
    ]
    return {"messages": [{"role": SPEAKERS.get(who, who), "content": text} for who, text in turns]}


# --8<-- [end:load]

# %% [markdown]
# ## The data check, before
#
# SFT imitates whatever it is given. An empty answer is a lesson in saying nothing. A conversation that ends with the
# user teaches the model to ask. An unknown role is rendered in a way that no one has looked at. So the first rows are
# read, and the script stops with a message that names the row.

# %%
# --8<-- [start:check]
CHECKED_ROWS = 2000  # enough to find a systematic mistake; reading all of a large data set would take minutes
ROLES = {"system", "user", "assistant", "tool"}


def check_rows(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Refuse rows that would train the wrong thing."""
    rows = list(dataset.take(CHECKED_ROWS))
    if not rows:
        raise ValueError(f"{name}: the data set has no rows")
    for number, row in enumerate(rows):
        problem = find_problem(row, tokenizer)
        if problem:
            raise ValueError(f"{name}: row {number}: {problem}")


def find_problem(row: dict, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What is wrong with one row, or None."""
    if "prompt" in row and "completion" in row:
        prompt, answer = row["prompt"], row["completion"]
    elif "messages" in row:
        prompt, answer = row["messages"][:-1], row["messages"][-1:]
    elif "text" in row:
        prompt, answer = "", row["text"]
    else:
        return f"needs messages, prompt and completion, or text; found {sorted(row)}"
    if type(prompt) is not type(answer) or not isinstance(answer, str | list):
        return f"prompt and completion must be two texts or two lists of messages; found {[prompt, answer]!r:.80}"
    if isinstance(answer, str):
        return None if answer.strip() else "there is nothing to learn: the answer is empty"
    for message in prompt + answer:
        if message.get("role") not in ROLES:
            return f"a message has the role {message.get('role')!r}; known are {sorted(ROLES)}"
    if not answer or answer[-1]["role"] != "assistant":
        return f"the last message must be the assistant's; found {answer!r:.80}"
    if not any((message.get("content") or "").strip() or message.get("tool_calls") for message in answer):
        return "there is nothing to learn: the answer is empty"
    if tokenizer.chat_template is None:
        return "the rows are messages, but this tokenizer has no chat template; set --chat_template_path, or use text"
    return None


# --8<-- [end:check]

# %% [markdown]
# ## Model, adapter, precision
#
# - **Full fine-tuning** (the default). `--dtype float32`, TRL's default, keeps the weights in float32 and lets autocast
#   do the arithmetic in bfloat16. With `--dtype bfloat16` the weights themselves are bfloat16: half the memory, but a
#   step of 2e-5 is often smaller than the gap between two such numbers, and is lost.
# - **LoRA** (`--use_peft`) trains an adapter. Give it a learning rate about ten times as high, for example
#   `--learning_rate 2e-4`. When `--chat_template_path` brings new tokens, TRL adds their embeddings and the head to
#   what is trained.
# - **4 or 8 bit** (`--load_in_4bit`) stores the frozen weights small. Nothing can be trained in 4 bit, so it only makes
#   sense with an adapter, and the script refuses it without one.


# %%
# --8<-- [start:trainer]
def build_trainer(
    training_args: SFTConfig,
    model_args: ModelConfig,
    tokenizer: PreTrainedTokenizerBase,
    train_dataset: Dataset,
    eval_dataset: Dataset | None,
) -> SFTTrainer:
    if (model_args.load_in_4bit or model_args.load_in_8bit) and not model_args.use_peft:
        raise ValueError("quantized weights are frozen: add --use_peft, or leave out --load_in_4bit and --load_in_8bit")
    training_args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        **(training_args.model_init_kwargs or {}),
    }
    return SFTTrainer(
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
# ## The data check, after
#
# The trainer has tokenized the data by now. Which tokens are trained is in the column `labels`: `-100` is left out. So
# there is no need to guess what masks, templates and truncation did. The script looks, prints the trained part of the
# first row, and counts what you would want to know before you pay for the run. Read `no_end`: a row without an
# end-of-sequence token in its trained part, often because it was cut, teaches the model not to stop.


# %%
# --8<-- [start:report]
def report(trainer: SFTTrainer, rows_before: int | None, name: str) -> dict:
    """What TRL made of the training data: rows, lengths, and the share of tokens that are trained."""
    tokenizer, end = trainer.processing_class, trainer.processing_class.eos_token_id
    rows = list(trainer.train_dataset.take(CHECKED_ROWS))
    if not rows:
        raise ValueError(
            f"{name}: no row is left; each has its {trainer.args.max_length} tokens full before the answer"
        )
    trained = [[token for token in row["labels"] if token != -100] for row in rows]
    numbers = {
        "rows": len(rows),
        "median_tokens": statistics.median(len(row["labels"]) for row in rows),
        "longest_tokens": max(len(row["labels"]) for row in rows),
        "trained_share": round(sum(map(len, trained)) / sum(len(row["labels"]) for row in rows), 3),
        "no_end": sum(end not in tokens[-3:] for tokens in trained),
    }
    if rows_before is not None and not trainer.args.packing:
        numbers["dropped"] = rows_before - len(trainer.train_dataset)
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in numbers.items()))
    print(f"trained in the first row: {tokenizer.decode(trained[0])!r}")
    return numbers


# --8<-- [end:report]

# %% [markdown]
# ## Resuming
#
# A folder that already holds checkpoints is another run. Starting over in it would mix the two, so the script asks
# for a decision: `--resume_from_checkpoint latest` goes on from the newest one (weights, optimizer, schedule, random
# state and place in the data), a path goes on from that one, and a new `--output_dir` starts afresh. Keep the data
# options as they were: the place in the data is a number of batches, not a row.


# %%
# --8<-- [start:resume]
def find_checkpoint(training_args: SFTConfig) -> str | None:
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
# When you read those: `eval_loss` is a mean over rows of a mean over tokens. It depends on which tokens the masks
# leave in, so compare it only with runs that have the same masks.


# %%
# --8<-- [start:main]
def main(argv: list[str] | None = None) -> SFTTrainer:
    script_args, training_args, model_args = parse(argv)
    checkpoint = find_checkpoint(training_args)

    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path, revision=model_args.model_revision)
    train_dataset = load_rows(script_args, script_args.dataset_train_split)
    check_rows(train_dataset, tokenizer, "train")
    eval_dataset = None
    if training_args.eval_strategy != "no":
        eval_dataset = load_rows(script_args, script_args.dataset_test_split)
        check_rows(eval_dataset, tokenizer, "eval")

    trainer = build_trainer(training_args, model_args, tokenizer, train_dataset, eval_dataset)
    report(trainer, len(train_dataset) if isinstance(train_dataset, Dataset) else None, "train")
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
