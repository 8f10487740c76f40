"""The stand-in hub: a seeded Hugging Face cache in which hub ids resolve to tiny models and small datasets, offline.

Knows the layout of that cache. Does not know pages, blocks or how code is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from trldoc import standins
from trldoc.standins import DATASETS, HELD_OUT, MODELS, Data, Model, rows

TEXTS = Path(__file__).parents[2] / "examples" / "hub"
LIBRARIES = ("datasets", "tokenizers", "torch", "transformers", "trl")  # their versions decide what the files look like


def home(cache: Path) -> Path:
    """The folder of the hub made from the present texts, tables and library versions; it need not exist yet."""
    digest = hashlib.sha256()
    for path in (Path(__file__), Path(standins.__file__), *sorted(TEXTS.glob("*.toml"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(json.dumps([version(name) for name in LIBRARIES]).encode())
    return cache.resolve() / f"hub-{digest.hexdigest()[:12]}"


def build(cache: Path) -> Path:
    """Make the hub under `cache` unless it is there, and return its folder: the HF_HOME of whoever runs offline.

    The same inputs give the same bytes. A build that is cut off leaves nothing behind under the final name.
    """
    final = home(cache)
    if final.is_dir():
        return final
    started = time.monotonic()
    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="hub-draft-", dir=cache))
    try:
        print(f"stand-in hub: {len(MODELS)} models, {len(DATASETS)} datasets …", file=sys.stderr, flush=True)
        texts = {name: tomllib.loads((TEXTS / f"{name}.toml").read_text("utf-8"))["row"] for name in HELD_OUT}
        for repo, configs in DATASETS.items():
            for data in configs:
                _write_dataset(draft, repo, data, texts[data.texts])
        corpus = [text for rows in texts.values() for row in rows for text in row.values()]
        for repo, model in MODELS.items():
            _write_model(draft, repo, model, corpus)
        try:
            draft.rename(final)
        except OSError:  # another process was faster; its hub is the same
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    print(f"stand-in hub: {final} in {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    return final


def environment(hub: Path) -> dict[str, str]:
    """The variables under which a child process finds the ids of `hub` and never asks the network."""
    return {
        "HF_HOME": str(hub),
        "HF_HUB_CACHE": str(hub / "hub"),
        "HF_DATASETS_CACHE": str(hub / "datasets"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


def _write_dataset(hub: Path, repo: str, data: Data, texts: list[dict]) -> None:
    from datasets import Dataset, DatasetInfo, SplitDict, SplitInfo
    from datasets.arrow_writer import ArrowWriter
    from datasets.naming import camelcase_to_snakecase

    owner, name = repo.split("/")
    snake = camelcase_to_snakecase(name)
    folder = (
        hub / "datasets" / f"{owner}___{snake}" / data.config / "0.0.0" / hashlib.sha256(repo.encode()).hexdigest()[:16]
    )
    folder.mkdir(parents=True)
    splits = SplitDict(dataset_name=snake)
    for split, content in rows(data, texts).items():
        table = Dataset.from_list(content)
        with ArrowWriter(path=str(folder / f"{snake}-{split}.arrow"), features=table.features) as writer:
            writer.write_table(table.data.table)
            count, size = writer.finalize()
        splits.add(SplitInfo(split, num_bytes=size, num_examples=count, dataset_name=snake))
    info = DatasetInfo(
        features=table.features,
        builder_name="cache",
        dataset_name=snake,
        config_name=data.config,
        version="0.0.0",
        splits=splits,
    )
    info.write_to_directory(str(folder))


def _write_model(hub: Path, repo: str, model: Model, corpus: Iterable[str]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    tokenizer = _tokenizer(model, corpus)
    config = AutoConfig.for_model(
        model.architecture,
        vocab_size=2000,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=32768,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    seed = hashlib.sha256(repo.encode())
    torch.manual_seed(int(seed.hexdigest()[:8], 16))
    network = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    folder = hub / "hub" / f"models--{repo.replace('/', '--')}"
    commit = hashlib.sha1(repo.encode()).hexdigest()  # looks like a git commit, as the cache expects
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    network.save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)


def _tokenizer(model: Model, corpus: Iterable[str]):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000 - len(marks) - len(words),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus, trainer)
    bpe.add_special_tokens(marks)
    bpe.add_tokens(words)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=model.eos,
        pad_token=model.pad,
        extra_special_tokens=marks,
        model_max_length=32768,
    )
    tokenizer.chat_template = standins.CHATML if model.template is None else _template(model.template)
    return tokenizer


def _template(name: str) -> str:
    """TRL's own template, read from the installed package without importing it."""
    package = find_spec("trl")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "the stand-in hub takes its chat templates from trl, which is not installed: make setup"
        )
    return (Path(os.path.dirname(package.origin)) / "chat_templates" / name).read_text("utf-8")
