# %% [markdown]
# # DPO: a script to start a project from
#
# Run it as it is, then change what you need:
#
# ```bash
# python dpo.py --model_name_or_path Qwen/Qwen3-0.6B --output_dir dpo-model \
#     --dataset_name trl-lib/ultrafeedback_binarized
# ```
#
# The script does what a training job needs around `DPOTrainer.train()`: it reads arguments, refuses data that would
# train the wrong thing, chooses precision, evaluates before and after, saves, resumes, and leaves numbers you can
# compare. It has no options of its own: every flag belongs to one of three classes of TRL.

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
    DPOConfig,
    DPOTrainer,
    ModelConfig,
    ScriptArguments,
    TrlParser,
    extract_prompt,
    get_peft_config,
    get_quantization_config,
)

# --8<-- [end:imports]

# %% [markdown]
# ## Arguments
#
# `TrlParser` turns dataclasses into flags: `ScriptArguments` names the data, `DPOConfig` holds everything about
# training, `ModelConfig` holds the model, LoRA and quantization. It also reads `--config job.yaml`; a flag wins over
# the file, and the file wins over the defaults below. An unknown flag is an error, so a misspelled option cannot pass
# unnoticed.
#
# `DEFAULTS` holds only what this script wants different from TRL:
#
# - `eval_on_start` measures the untouched model, so that every later number has something to be compared with.
# - `logging_first_step` shows the first loss. For the default loss it must be log 2, up to rounding, because policy
#   and reference are still the same model. Another number means that something is wrong before training has begun.
# - `save_total_limit` keeps two checkpoints: the newest, and one to fall back to.
# - The batch of four pairs is eight sequences: a pair is two sequences, and the reference model sees all of them as
#   well.
#
# Two settings depend on the machine. TRL trains under bfloat16 autocast unless told otherwise and stops where the
# device cannot do it. Without an accelerator the script trains in float32 on the CPU, which is slow and exact.

# %%
# --8<-- [start:arguments]
DEFAULTS = {
    "model_name_or_path": "Qwen/Qwen3-0.6B",
    "dataset_name": "trl-lib/ultrafeedback_binarized",
    "output_dir": "dpo-model",
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


def parse(argv: list[str] | None = None) -> tuple[ScriptArguments, DPOConfig, ModelConfig]:
    parser = TrlParser((ScriptArguments, DPOConfig, ModelConfig))
    parser.set_defaults_with_config(
        **DEFAULTS, bf16=is_torch_bf16_gpu_available(), use_cpu=not torch.accelerator.is_available()
    )
    return parser.parse_args_and_config(argv)


# --8<-- [end:arguments]

# %% [markdown]
# ## Data
#
# A data set on the hub and a file of your own are used in the same way. `--dataset_train_split` is passed on as it
# is, so `"train[:240]"` takes the first 240 rows of a file that has no test split, and `--dataset_test_split
# "train[240:]"` the rest.

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
# DPO trains on whatever it is given. A pair whose two completions are the same has a constant loss and no gradient.
# An empty completion is a lesson in saying nothing. TRL drops a pair whose prompt alone fills `max_length`, and
# truncates a longer one, without a word about how many there were. So the check looks at the rows the way TRL will
# see them, and stops with a message that names the row.
#
# A row is either conversational (lists of messages) or plain text, and it may leave the prompt out: then the part
# that chosen and rejected have in common is the prompt, which `extract_prompt` finds as the trainer does.

# %%
# --8<-- [start:check]
CHECKED_ROWS = 2000  # enough to find a systematic mistake; reading all of a large data set would take minutes


def check_pairs(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, name: str) -> dict:
    """Refuse data that would train the wrong thing. Returns the number of rows and lengths in tokens."""
    columns = list(dataset.column_names or next(iter(dataset)))
    missing = {"chosen", "rejected"} - set(columns)
    if missing:
        raise ValueError(f"{name}: no column {sorted(missing)}; DPO needs chosen and rejected, the data has {columns}")
    rows = list(dataset.take(CHECKED_ROWS))
    if not rows:
        raise ValueError(f"{name}: the data set has no rows")

    prompts, longest, differences = [], [], []
    for number, row in enumerate(rows):
        problem = find_problem(row, tokenizer)
        if problem:
            raise ValueError(f"{name}: row {number}: {problem}")
        row = row if "prompt" in row else extract_prompt(row)
        chosen, rejected = (token_count(row["prompt"] + row[key], tokenizer) for key in ("chosen", "rejected"))
        prompts.append(token_count(row["prompt"], tokenizer))
        longest.append(max(chosen, rejected))
        differences.append(chosen - rejected)

    dropped = sum(length >= max_length for length in prompts) if max_length else 0
    truncated = sum(length > max_length for length in longest) if max_length else 0
    if dropped == len(rows):
        raise ValueError(f"{name}: every prompt has max_length={max_length} tokens or more; TRL would drop every pair")
    report = {
        "rows": len(rows),
        "median_prompt_tokens": statistics.median(prompts),
        "longest_tokens": max(longest),
        "mean_chosen_minus_rejected_tokens": round(statistics.mean(differences), 1),
        "dropped": dropped,
        "truncated": truncated - dropped,
    }
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in report.items()))
    return report


def find_problem(row: dict, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What is wrong with one pair, or None."""
    kinds = {key: type(row[key]).__name__ for key in ("prompt", "chosen", "rejected") if key in row}
    if len(set(kinds.values())) != 1 or not set(kinds.values()) <= {"str", "list"}:
        return f"all columns must be texts, or all must be lists of messages; found {kinds}"
    if isinstance(row["chosen"], list):
        for key in kinds:
            for message in row[key]:
                if not isinstance(message, dict) or not {"role", "content"} <= set(message):
                    return f"a message in {key} must have role and content; found {message!r}"
        if tokenizer.chat_template is None:
            return "the rows are messages, but this tokenizer has no chat template; use an instruct model or plain text"
    if row["chosen"] == row["rejected"]:
        return "chosen and rejected are the same, which teaches nothing"
    if "prompt" not in row:
        row = extract_prompt(row)
        if not row["prompt"]:
            return "there is no prompt column, and chosen and rejected do not begin with the same prompt"
    for key in ("chosen", "rejected"):
        if not text_of(row[key]).strip():
            return f"{key} is empty"
    return None


def text_of(part: str | list[dict]) -> str:
    return part if isinstance(part, str) else "".join(str(message["content"] or "") for message in part)


def token_count(part: str | list[dict], tokenizer: PreTrainedTokenizerBase) -> int:
    if isinstance(part, str):
        return len(tokenizer(part)["input_ids"])
    return len(tokenizer.apply_chat_template(part, tokenize=True, return_dict=True)["input_ids"])


# --8<-- [end:check]

# %% [markdown]
# ## Model, adapter, precision
#
# The trainer loads the model itself when it is given a name. That is worth doing: it can then load the reference
# model with the same settings.
#
# - **Full fine-tuning** (the default) keeps a second, frozen copy of the model as the reference. `--dtype float32`,
#   TRL's default, keeps the weights in float32 and lets autocast do the arithmetic in bfloat16. With `--dtype
#   bfloat16` the weights themselves are bfloat16: half the memory, but a step of 1e-6 is often smaller than the gap
#   between two such numbers, and is lost.
# - **LoRA** (`--use_peft`) needs no second copy: with the adapter switched off, the model *is* the reference. Give it
#   a learning rate about ten times as high, for example `--learning_rate 1e-5`.
# - **4 or 8 bit** (`--load_in_4bit`) stores the frozen weights small. Frozen is the point: nothing can be trained in
#   4 bit, so it only makes sense with an adapter, and the script refuses it without one.
# - **No memory for a reference?** `--precompute_ref_log_probs true` computes its log-probabilities once before
#   training.

# %%
# --8<-- [start:trainer]
def build_trainer(
    training_args: DPOConfig,
    model_args: ModelConfig,
    tokenizer: PreTrainedTokenizerBase,
    train_dataset: Dataset,
    eval_dataset: Dataset | None,
) -> DPOTrainer:
    if (model_args.load_in_4bit or model_args.load_in_8bit) and not model_args.use_peft:
        raise ValueError("quantized weights are frozen: add --use_peft, or leave out --load_in_4bit and --load_in_8bit")
    training_args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        **(training_args.model_init_kwargs or {}),
    }
    return DPOTrainer(
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
# A folder that already holds checkpoints is another run. Starting over in it would mix the two, so the script asks
# for a decision: `--resume_from_checkpoint latest` goes on from the newest one (weights, optimizer, schedule, random
# state and place in the data), a path goes on from that one, and a new `--output_dir` starts afresh.
#
# Keep `--model_name_or_path` as it was. It names the reference as well: pointing it at a checkpoint would make the
# half-trained model its own reference, and the margins would start again from zero.

# %%
# --8<-- [start:resume]
def find_checkpoint(training_args: DPOConfig) -> str | None:
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
# The checkpoint is looked for first: a wrong `--output_dir` should cost seconds, not a model download. What stays
# behind in `--output_dir` is a model that `from_pretrained` loads (or an adapter), its tokenizer and model card,
# `trainer_state.json` with everything that was logged, and `eval_results.json` with the final numbers.
#
# When you read those: `eval_rewards/accuracies` is the share of held-out pairs in which the policy has moved toward
# the chosen completion more than toward the rejected one, and `eval_rewards/margins` says how far. The loss alone
# does not tell you whether the chosen answers became likelier: look at `eval_logps/chosen` for that.

# %%
# --8<-- [start:main]
def main(argv: list[str] | None = None) -> DPOTrainer:
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
    return trainer


if __name__ == "__main__":
    main()
# --8<-- [end:main]
