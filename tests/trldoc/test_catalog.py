"""A trainer's entry joins front matter and release, and front matter that cannot be one names its key."""

from pathlib import Path

import pytest
from samples import LIBRARY

from trldoc import addresses, catalog
from trldoc.facts import Sources
from trldoc.library import LibraryError, open_release, settings

ROOT = Path(__file__).resolve().parents[2]
META = {
    "title": "Toy", "slug": "toy", "summary": "A toy.", "status": "stable", "data": "pairs", "online": False,
    "needs": ["nothing"], "models_in_memory": 1, "paper": "1234.56789",
}  # fmt: skip
PATH = "docs/trainers/toy/index.md"
SOURCES = Sources(ROOT, LIBRARY, lambda slug: {})


def test_the_box_joins_judgement_and_source():
    rows = dict(catalog.quick_facts(META, PATH, SOURCES, lambda target: target))
    assert rows["Paper"] == '<a href="https://arxiv.org/abs/1234.56789">Toys</a>'
    assert 'href="source/9.9.9/trl/trainer/toy_trainer.py.html#L4"' in rows["Class"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "alive"}, "`status: alive` must be one of stable, experimental, removed"),
        ({"slug": "dpo"}, "`slug: dpo` stands in the folder of `toy`"),
        ({"paper": "0000.00000"}, "front matter says paper 0000.00000, `ToyTrainer._paper` says 1234.56789"),
        ({"data": None, "summary": None}, ""),
    ],
)
def test_front_matter_that_is_no_entry_is_refused(change, message):
    meta = {key: value for key, value in {**META, **change}.items() if value is not None}
    with pytest.raises(LibraryError) as caught:
        catalog.quick_facts(meta, PATH, SOURCES, str)
    assert (message or "front matter lacks `summary`, `data`") in str(caught.value)


def test_the_releases_hold_the_34_trainers_of_the_design():
    last = {slug: release for release in settings(ROOT)["wheels"] for slug in addresses.trainers(open_release(release, ROOT))}
    current = set(addresses.trainers(open_release(settings(ROOT)["pinned"], ROOT)))
    assert (len(current), len(last)) == (22, 34)
    assert {slug: release for slug, release in last.items() if slug not in current} == {
        "ppo": "1.12.0", "bco": "1.13.0", "prm": "1.13.0", "xpo": "1.13.0", "nash_md": "1.13.0", "gfpo": "1.7.1",
        "grpo_with_replay_buffer": "1.13.0", "gspo_token": "1.13.0", "minillm": "1.14.2", "ssd": "1.15.0",
        "dppo": "1.8.0", "papo": "1.7.1",
    }  # fmt: skip


def test_an_experimental_trainer_is_named_by_its_folder():
    assert addresses.slug_of("trl/experimental/gspo_token/grpo_trainer.py") == "gspo_token"
    assert addresses.slug_of("trl/trainer/dpo_config.py") == "dpo"
