"""Symbols of a release are found by name, and a name that is not there is answered with the closest one."""

from pathlib import Path

import pytest
from samples import LIBRARY

from trldoc.library import LibraryError, open_release, pinned

ROOT = Path(__file__).resolve().parents[2]


def test_a_stable_definition_wins_over_an_experimental_one():
    symbol = LIBRARY.find("ToyTrainer.log")
    assert (symbol.path, symbol.module) == ("trl/trainer/toy_trainer.py", "trl.trainer.toy_trainer")
    assert LIBRARY.lines(symbol.path)[symbol.start - 1].strip() == "def log(self):"


def test_nested_functions_have_names_and_decorators_belong_to_the_symbol():
    assert LIBRARY.find("ToyTrainer.log.inner").qualname == "ToyTrainer.log.inner"
    assert LIBRARY.lines("trl/trainer/toy_config.py")[LIBRARY.find("ToyConfig").start - 1] == "@dataclass"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("ToyTrainer.logg", "closest is `ToyTrainer.log`"),
        ("ToyTraine", "defines no `ToyTraine` at top level; closest is `ToyTrainer`"),
        ("helper", "defined 3 times in trl 9.9.9; write one of `trl.experimental.copy.toy_trainer:helper`, `trl.other:helper`, `trl.more:helper`"),
        ("trl.othr:helper", "has no module `trl.othr`; closest is `trl.other`"),
    ],
)
def test_what_is_not_there_is_answered_with_the_closest(reference, message):
    with pytest.raises(LibraryError, match="trl 9.9.9") as caught:
        LIBRARY.find(reference)
    assert message in str(caught.value)


def test_github_addresses_are_pinned_to_the_tag():
    address = LIBRARY.github("trl/other.py", 3, 5)
    assert address == "https://github.com/huggingface/trl/blob/v9.9.9/trl/other.py#L3-L5"


def test_a_missing_wheel_names_the_command_that_fetches_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.trldoc]\npinned = "1.0"\n[tool.trldoc.wheels]\n"1.0" = "sha256:x"\n')
    with pytest.raises(LibraryError, match=r"trl 0.1 is not at \.cache/wheels/.*run `make setup`.*listed.*: 1\.0"):
        open_release("0.1", tmp_path)


def test_every_file_of_the_pinned_release_parses():
    library = pinned(ROOT)
    assert all(library.symbols(path) is not None for path in library.files)
