# %% [markdown]
# # GRPO: a script to start a project from
#
# Run it as it is, then change what you need:
#
# ```bash
# python grpo.py --model_name_or_path Qwen/Qwen3-0.6B --output_dir grpo-model --dataset_name sums.jsonl
# ```
#
# GRPO needs prompts and something that scores answers. So the two places to change are the reward functions and the
# data. Around them stands what a training job needs: arguments, checks of rewards and batch sizes before the first
# token is generated, evaluation, resuming, saving. The script has no options of its own: every flag belongs to one of
# three classes of TRL.

# %%
# --8<-- [start:imports]
import re
from pathlib import Path

import torch
from datasets import Dataset, load_dataset
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import is_torch_bf16_gpu_available
from trl import (
    GRPOConfig,
    GRPOTrainer,
    ModelConfig,
    ScriptArguments,
    TrlParser,
    get_peft_config,
    get_quantization_config,
)

# --8<-- [end:imports]

# %% [markdown]
# ## Rewards
#
# A reward function gets lists: one entry for each completion, not for each prompt. Columns of the data come as lists
# of the same length, under the column's name. It returns one number for each completion, or None where it has no
# opinion. `**kwargs` takes what TRL passes besides (`prompts`, `completion_ids`, `trainer_state` and more).
#
# - `correct` looks at the last number of an answer. A row without a solution gets None, so that the other reward
#   decides there alone.
# - `brief` falls from 0 with every character. It has a small weight below: it should only decide between answers that
#   are equally right. A reward that is the same for all answers to a prompt teaches nothing, so a second, finer reward
#   also keeps groups alive.

# %%
# --8<-- [start:rewards]
NUMBER = re.compile(r"-?\d+")


def correct(completions: list, answer: list[str | None], **kwargs) -> list[float | None]:
    rewards = []
    for completion, solution in zip(completions, answer, strict=True):
        found = NUMBER.findall(text_of(completion))
        rewards.append(None if solution is None else float(found[-1:] == [solution]))
    return rewards


def brief(completions: list, **kwargs) -> list[float]:
    return [-len(text_of(completion)) / 100 for completion in completions]


def text_of(part: str | list[dict]) -> str:
    return part if isinstance(part, str) else "".join(str(message.get("content") or "") for message in part)


REWARDS = [correct, brief]
WEIGHTS = [1.0, 0.1]
# --8<-- [end:rewards]

# %% [markdown]
# ## Arguments
#
# `TrlParser` turns dataclasses into flags and also reads `--config job.yaml`; a flag wins over the file, and the file
# wins over the defaults below. An unknown flag is an error, so a misspelled option cannot pass unnoticed.
#
# `DEFAULTS` holds only what this script wants different from TRL:
#
# - One optimizer step is `per_device_train_batch_size` times `gradient_accumulation_steps` *completions* on a device:
#   here 32, which are four prompts with eight answers each.
# - `mask_truncated_completions` leaves answers out of the loss that were cut at `max_completion_length`: their last
#   number is often not the answer.
# - `log_completions` writes every logged batch as a table into the output folder. Read it: a reward that is gamed
#   shows in the texts long before it shows in a number.
#
# Two settings depend on the machine. TRL trains under bfloat16 autocast unless told otherwise and stops where the
# device cannot do it. Without an accelerator the script trains in float32 on the CPU, which is slow and exact.

# %%
# --8<-- [start:arguments]
DEFAULTS = {
    "model_name_or_path": "Qwen/Qwen3-0.6B",
    "dataset_name": "sums.jsonl",
    "output_dir": "grpo-model",
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "gradient_accumulation_steps": 4,
    "max_completion_length": 256,
    "mask_truncated_completions": True,
    "log_completions": True,
    "num_completions_to_print": 4,
    "save_steps": 100,
    "save_total_limit": 2,
    "logging_first_step": True,
    "report_to": "none",  # or "trackio", "wandb", "tensorboard"
}


def parse(argv: list[str] | None = None) -> tuple[ScriptArguments, GRPOConfig, ModelConfig]:
    parser = TrlParser((ScriptArguments, GRPOConfig, ModelConfig))
    parser.set_defaults_with_config(
        **DEFAULTS, bf16=is_torch_bf16_gpu_available(), use_cpu=not torch.accelerator.is_available()
    )
    script_args, training_args, model_args = parser.parse_args_and_config(argv)
    if training_args.reward_weights is None:
        training_args.reward_weights = WEIGHTS
    return script_args, training_args, model_args


# --8<-- [end:arguments]

# %% [markdown]
# ## Data
#
# A row is a prompt and whatever the rewards need. A data set on the hub and a file of your own are used in the same
# way. `--dataset_train_split "train[:48]"` takes the first 48 rows of a file that has no test split.

# %%
# --8<-- [start:load]
READERS = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}


def load_rows(script_args: ScriptArguments, split: str) -> Dataset:
    name, streaming = script_args.dataset_name, script_args.dataset_streaming
    reader = READERS.get(Path(name).suffix)
    if reader is not None:
        if not Path(name).is_file():
            raise FileNotFoundError(f"--dataset_name {name}: there is no such file")
        return load_dataset(reader, data_files=name, split=split, streaming=streaming)
    return load_dataset(name, name=script_args.dataset_config, split=split, streaming=streaming)


# --8<-- [end:load]

# %% [markdown]
# ## Checks before the first token
#
# Generation is what costs in GRPO, so what can fail should fail before it.
#
# - TRL drops the last prompts of an epoch that do not fill a generation batch, without a word. With fewer rows than
#   one such batch nothing at all would be trained.
# - No limit applies to the length of a prompt: TRL has no option for it. The check names the longest one.
# - Each reward function is called once on an invented answer to the first rows. A wrong column name, a missing
#   `**kwargs` or a wrong number of rewards shows here.

# %%
# --8<-- [start:check]
CHECKED_ROWS = 2000  # enough to find a systematic mistake; reading all of a large data set would take minutes


def check_rows(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, config: GRPOConfig, name: str) -> dict:
    """Refuse data that cannot be trained on. Returns the number of rows, prompts in a batch, and lengths in tokens."""
    columns = list(dataset.column_names or next(iter(dataset)))
    if "prompt" not in columns:
        raise ValueError(f"{name}: no column prompt; the data has {columns}")
    rows = list(dataset.take(CHECKED_ROWS))
    prompts = config.generation_batch_size // config.num_generations
    if name == "train" and len(rows) < prompts:
        raise ValueError(f"{name}: {len(rows)} rows do not fill one generation batch of {prompts} prompts")
    for number, row in enumerate(rows):
        if isinstance(row["prompt"], list) and tokenizer.chat_template is None:
            raise ValueError(f"{name}: row {number} holds messages, but this tokenizer has no chat template")
        if isinstance(row["prompt"], list) and row["prompt"][-1]["role"] == "assistant":
            raise ValueError(f"{name}: row {number}: the prompt ends with the assistant's words; leave the answer out")
        if not text_of(row["prompt"]).strip():
            raise ValueError(f"{name}: row {number}: the prompt is empty")
    report = {
        "rows": len(rows),
        "prompts_in_a_generation_batch": prompts,
        "left_out_in_each_epoch": len(rows) % prompts if name == "train" else 0,
        "longest_prompt_tokens": max(token_count(row["prompt"], tokenizer) for row in rows),
    }
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in report.items()))
    return report


def check_rewards(dataset: Dataset) -> None:
    """Call every reward function on invented answers, so that a mistake in one costs no generation."""
    rows = list(dataset.take(2))
    answers = [[{"role": "assistant", "content": "I say 4."}] if isinstance(r["prompt"], list) else "4" for r in rows]
    columns = {key: [row[key] for row in rows] for key in rows[0] if key != "prompt"}
    for reward in REWARDS:
        found = reward(prompts=[row["prompt"] for row in rows], completions=answers, completion_ids=None, **columns)
        if len(found) != len(rows):
            raise ValueError(f"{reward.__name__} returned {len(found)} rewards for {len(rows)} completions")


def token_count(part: str | list[dict], tokenizer: PreTrainedTokenizerBase) -> int:
    if isinstance(part, str):
        return len(tokenizer(part)["input_ids"])
    return len(tokenizer.apply_chat_template(part, add_generation_prompt=True, return_dict=True)["input_ids"])


# --8<-- [end:check]

# %% [markdown]
# ## Model, adapter, precision
#
# - **Full fine-tuning** is the default. With `--beta 0`, also the default, there is no reference model: one model in
#   memory. With `--beta 0.04` a second, frozen copy is loaded.
# - **LoRA** (`--use_peft`) needs no second copy in either case: with the adapter switched off, the model *is* the
#   reference. Give it a larger learning rate, for example `--learning_rate 1e-5`.
# - **4 or 8 bit** (`--load_in_4bit`) stores the frozen weights small. Nothing can be trained in 4 bit, so the script
#   refuses it without an adapter.


# %%
# --8<-- [start:trainer]
def build_trainer(
    training_args: GRPOConfig,
    model_args: ModelConfig,
    tokenizer: PreTrainedTokenizerBase,
    train_dataset: Dataset,
    eval_dataset: Dataset | None,
) -> GRPOTrainer:
    if (model_args.load_in_4bit or model_args.load_in_8bit) and not model_args.use_peft:
        raise ValueError("quantized weights are frozen: add --use_peft, or leave out --load_in_4bit and --load_in_8bit")
    training_args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        **(training_args.model_init_kwargs or {}),
    }
    return GRPOTrainer(
        model=model_args.model_name_or_path,
        reward_funcs=list(REWARDS),
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
# latest` goes on from the newest one, a path goes on from that one, and a new `--output_dir` starts afresh. Answers
# that were generated but not yet trained on are not in a checkpoint: the resumed run generates new ones.


# %%
# --8<-- [start:resume]
def find_checkpoint(training_args: GRPOConfig) -> str | None:
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
# card, `trainer_state.json` with everything that was logged, and the tables of completions.
#
# When you read the numbers: not the loss. It starts at 0 or close to it and says nothing about progress. Look at
# `rewards/correct/mean`, at `frac_reward_zero_std` (the share of answers whose group taught nothing) and at
# `completions/clipped_ratio` (the share that ran into the length limit).


# %%
# --8<-- [start:main]
def main(argv: list[str] | None = None) -> GRPOTrainer:
    script_args, training_args, model_args = parse(argv)
    checkpoint = find_checkpoint(training_args)

    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path, revision=model_args.model_revision)
    train_dataset = load_rows(script_args, script_args.dataset_train_split)
    check_rows(train_dataset, tokenizer, training_args, "train")
    check_rewards(train_dataset)
    eval_dataset = None
    if training_args.eval_strategy != "no":
        eval_dataset = load_rows(script_args, script_args.dataset_test_split)
        check_rows(eval_dataset, tokenizer, training_args, "eval")

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
