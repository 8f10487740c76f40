"""The stand-in hub: same ids, same columns, same bytes, no network."""

import subprocess
import sys
from pathlib import Path

import pytest

from trldoc import hub, standins

COLUMNS = {  # of the real datasets, as TRL's own conversion scripts make them
    "trl-lib/ultrafeedback_binarized": ["chosen", "rejected", "score_chosen", "score_rejected"],
    "trl-lib/hh-rlhf-helpful-base": ["prompt", "chosen", "rejected"],
    "trl-lib/Capybara": ["source", "messages", "num_turns"],
    "trl-lib/tldr": ["prompt", "completion"],
    "trl-lib/kto-mix-14k": ["prompt", "completion", "label"],
    "trl-lib/ultrafeedback-prompt": ["prompt"],
    "trl-lib/DeepMath-103K": ["prompt", "solution"],
    "trl-lib/math_shepherd": ["prompt", "completions", "labels"],
    "trl-lib/lm-human-preferences-descriptiveness": ["prompt", "chosen", "rejected"],
}
LOAD = """
import sys
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trldoc import standins
for repo, configs in standins.DATASETS.items():
    for data in configs:
        splits = load_dataset(repo, data.config)
        assert {name: len(split) for name, split in splits.items()}["train"] >= 100, repo
    assert len(load_dataset(repo, split="train[:50%]")) == 60, repo
    assert next(iter(load_dataset(repo, split="test", streaming=True))), repo
seen = {}
for repo, wanted in standins.MODELS.items():
    model, tokenizer = AutoModelForCausalLM.from_pretrained(repo), AutoTokenizer.from_pretrained(repo)
    assert model.config.model_type == wanted.architecture, repo
    assert tokenizer.decode(tokenizer("Why is the sky blue?")["input_ids"]) == "Why is the sky blue?", repo
    assert tokenizer.eos_token == wanted.eos and len(tokenizer) <= model.config.vocab_size == 2000, repo
    weights = model.get_input_embeddings().weight.flatten()[:4].tolist()
    assert weights not in seen.values(), f"{repo} has the weights of another id"
    seen[repo] = weights
try:
    load_dataset("nobody/nothing")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("repo", standins.DATASETS)
def test_rows_have_the_columns_of_the_real_dataset(repo):
    for data in standins.DATASETS[repo]:
        texts = [
            dict.fromkeys(("question", "better", "worse", "again", "reply", "forum", "title", "post"), str(number))
            for number in range(12)
        ]
        for split in standins.rows(data, texts).values():
            assert [list(row) for row in split] == [COLUMNS[repo]] * len(split)


def test_held_out_texts_are_not_trained_on():
    (data,) = standins.DATASETS["trl-lib/tldr"]
    texts = [{"forum": "f", "title": str(number), "post": "p", "better": "b", "worse": "w"} for number in range(10)]
    splits = standins.rows(data, texts)
    titles = {name: {row["prompt"].split("TITLE: ")[1].split("\n")[0] for row in rows} for name, rows in splits.items()}
    assert titles["train"] == set("01234567") and titles["test"] == titles["validation"] == set("89")


def test_every_id_resolves_offline_and_an_unknown_one_does_not(standin_hub):
    ran = subprocess.run(
        [sys.executable, "-c", LOAD],
        check=False,
        env=hub.environment(standin_hub),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "ConnectionError"


def test_a_second_build_gives_the_same_bytes_and_leaves_no_draft(standin_hub, tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from trldoc import hub; hub.build(pathlib.Path(sys.argv[1]))",
            tmp_path,
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (again,) = tmp_path.iterdir()
    assert again.name == standin_hub.name
    assert contents(again) == contents(standin_hub)


def test_the_name_follows_the_inputs(tmp_path, monkeypatch):
    before = hub.home(tmp_path)
    (tmp_path / "questions.toml").write_text("another text")
    monkeypatch.setattr(hub, "TEXTS", tmp_path)
    assert hub.home(tmp_path) != before


def test_a_failing_build_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(hub, "_write_dataset", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        hub.build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith(".lock") and not path.name.startswith("cache-")
    }
