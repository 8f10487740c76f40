"""Fields, metrics and messages are read from syntax, and what is not declared is answered with the closest name."""

from pathlib import Path

import pytest
from samples import LIBRARY
from trldoc import declarations as d
from trldoc.library import LibraryError, pinned

ROOT = Path(__file__).resolve().parents[2]


def test_fields_carry_defaults_as_written_and_inherit_inside_the_release():
    found = d.fields(LIBRARY, "ToyConfig")
    assert {name: entry.default for name, entry in found.items()} == {
        "beta": "1e-6", "losses": '["sigmoid"]', "extra": "{}", "name": '"toy"', "steps": "20", "logging": "None",
    }  # fmt: skip
    assert found["beta"].help == "How much."
    assert (found["steps"].owner.qualname, found["logging"].owner.qualname) == ("ToyConfig", "BaseConfig")


def test_metrics_keep_their_holes():
    assert [metric.key for metric in d.metrics(LIBRARY, "ToyTrainer")] == ["rewards/margins", "rewards/{name}"]


def test_messages_join_their_parts_and_keep_their_holes():
    message = d.find_message(LIBRARY, "ToyTrainer._compute_loss", "must be at most")
    assert (message.kind, message.text) == ("ValueError", "`beta` must be at most 1, got {self.beta}. Lower it.")
    assert d.find_message(LIBRARY, "ToyTrainer._compute_loss", "going away").kind == "FutureWarning"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: d.find_field(LIBRARY, "ToyConfig.betta"), "declares no `betta`; closest is `beta`"),
        (lambda: d.find_metric(LIBRARY, "ToyTrainer", "reward/margins"), "closest is `rewards/margins`"),
        (lambda: d.find_message(LIBRARY, "ToyTrainer._compute_loss", "`beta` must be at least"), "closest is ``beta` must be"),
        (lambda: d.fields(LIBRARY, "trl.other:helper"), "is a function, not a class"),
    ],
)
def test_unknown_names_are_answered_with_the_closest(call, message):
    with pytest.raises(LibraryError) as caught:
        call()
    assert message in str(caught.value)


def test_declared_fields_are_those_the_installed_class_has():
    """The reading is static; here it is compared both ways with the class itself."""
    import dataclasses

    import trl

    release = pinned(ROOT)
    for name in ("DPOConfig", "SFTConfig", "GRPOConfig", "RewardConfig", "KTOConfig", "RLOOConfig"):
        live = {entry.name: entry for entry in dataclasses.fields(getattr(trl, name))}
        foreign = {entry.name for entry in dataclasses.fields(getattr(trl, name).__mro__[2])}
        read = d.fields(release, name)
        assert set(read) <= set(live) and set(live) - set(read) <= foreign, name
        for key, entry in read.items():
            factory = live[key].default_factory
            value = live[key].default if factory is dataclasses.MISSING else factory()
            assert eval(entry.default) == value, f"{name}.{key}"
