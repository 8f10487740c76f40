"""Fields of a config are read from source, TRL's and transformers', and equal what the installed class has."""

import dataclasses
from pathlib import Path

import pytest
from samples import LIBRARY

from trldoc import configs
from trldoc.library import LibraryError, pinned

ROOT = Path(__file__).resolve().parents[2]


def test_fields_carry_defaults_as_written_and_inherit_inside_the_release():
    found = configs.fields(LIBRARY, "ToyConfig", ROOT)
    assert {name: entry.field.default for name, entry in found.items()} == {
        "steps": "20", "logging": "None", "beta": "1e-6", "losses": '["sigmoid"]', "extra": "{}", "name": '"toy"',
    }  # fmt: skip
    assert found["beta"].field.help == "How much."
    assert (found["steps"].field.owner, found["logging"].field.owner) == ("ToyConfig", "BaseConfig")


def test_an_unknown_field_is_answered_with_the_closest():
    with pytest.raises(LibraryError, match="has no field `betta`; closest is `beta`"):
        configs.find_field(LIBRARY, "ToyConfig.betta", ROOT)


@pytest.mark.parametrize("name", ["DPOConfig", "SFTConfig", "GRPOConfig", "RewardConfig", "KTOConfig", "RLOOConfig"])
def test_fields_read_from_source_are_those_of_the_installed_class(name):
    import trl

    live = {field.name: field for field in dataclasses.fields(getattr(trl, name)) if field.init}
    read = configs.fields(pinned(ROOT), name, ROOT)
    assert set(read) == set(live)
    for key, entry in configs.own_fields(pinned(ROOT), name, ROOT).items():
        factory = live[key].default_factory
        value = live[key].default if factory is dataclasses.MISSING else factory()
        assert eval(entry.field.default) == value, key
