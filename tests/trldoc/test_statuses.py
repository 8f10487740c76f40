"""What a run says is joined with what is on the page: verified, outdated, missing or skipped, stale and untraced."""

import json

import pytest
from samples import LIBRARY

from trldoc import records, results, statuses
from trldoc.blocks import blocks
from trldoc.pages import scan

PYPROJECT = '[tool.trldoc]\npinned = "9.9.9"\n[tool.trldoc.wheels]\n"9.9.9" = "sha256:x"\n'


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "examples" / "records").mkdir(parents=True)
    return tmp_path


def block(text: str, root):
    return blocks(scan(text, "docs/x.md"), root)[0]


def entry(release: str) -> results.Entry:
    return results.Entry(True, 1.25, "2026-01-02", "cpu", "stand-in", {"trl": release})


@pytest.mark.parametrize(("ran_with", "kind"), [("9.9.9", "verified"), ("9.9.8", "outdated")])
def test_a_block_that_ran_says_with_what_when_and_how_long(root, ran_with, kind):
    found = block("```python\nprint(1)\n```\n", root)
    results.save("docs/x.md", root, {found.key: entry(ran_with)})
    badge = statuses.block(found, "9.9.9", root, 3)
    assert badge.kind == kind and f"trl {ran_with}, cpu, stand-in weights, at most 3 steps, 2026-01-02, 1.2 s" in badge.text


def test_an_edited_block_is_not_yet_verified_and_a_skipped_one_says_why(root):
    before = block("```python\nprint(1)\n```\n", root)
    results.save("docs/x.md", root, {before.key: entry("9.9.9")})
    after = block("```python\nprint(2)\n```\n", root)
    assert statuses.block(after, "9.9.9", root, 3).kind == "missing"
    skipped = block('```python test="skip: two GPUs"\nprint(1)\n```\n', root)
    assert (statuses.block(skipped, "9.9.9", root, 3).kind, statuses.block(skipped, "9.9.9", root, 3).text) == ("skipped", "Not run: two GPUs")


def write_record(root, **changes):
    script = root / "examples" / "toy.py"
    script.write_text("x = 1\n")
    function = records.Function(
        "trl.trainer.toy_trainer", "ToyTrainer.log", {1: (records.Value("a", "number", None, None, "1"),)}, (0, 1), 3, 2
    )
    record = records.Record(
        example="toy", command="make record EX=toy", inputs=records.hashes([script], root), versions={"trl": "9.9.9"},
        device="cpu", weights="stand-in", date="2026-01-02", seconds=1.0, log_history=(), summary={}, functions=(function,),
    )  # fmt: skip
    records.save(record, records.record_path("toy", root))
    return script


def test_recorded_values_stand_at_the_lines_of_the_release(root):
    write_record(root)
    symbol = LIBRARY.find("ToyTrainer.log")
    recorded = statuses.recorded(root, "toy", symbol, LIBRARY)
    assert recorded.values == {symbol.start + 1: (("a", "1"),)}
    assert recorded.executed == {symbol.start, symbol.start + 1} and "call 2 of 3" in recorded.run


@pytest.mark.parametrize(
    ("example", "symbol", "message"),
    [
        ("nothing", "ToyTrainer.log", "record `nothing` is missing.*make record EX=nothing"),
        ("toy", "ToyTrainer._compute_loss", "did not trace `ToyTrainer._compute_loss`"),
        ("toy/lora", "ToyTrainer.log", "has no variant `lora`"),
    ],
)
def test_a_record_that_cannot_tell_is_refused_with_the_command(root, example, symbol, message):
    write_record(root)
    with pytest.raises(records.RecordError, match=message):
        statuses.recorded(root, example, LIBRARY.find(symbol), LIBRARY)


def test_a_record_of_a_changed_example_is_stale(root):
    write_record(root).write_text("x = 2\n")
    with pytest.raises(records.RecordError, match=r"is stale: examples/toy\.py changed since"):
        statuses.recorded(root, "toy", LIBRARY.find("ToyTrainer.log"), LIBRARY)
    assert statuses.record_states(root)["toy"].name == "stale"


def test_a_broken_record_names_its_file(root):
    records.record_path("toy", root).write_text(json.dumps({"example": "toy"}))
    with pytest.raises(records.RecordError, match=r"toy\.json is not a record"):
        statuses.recorded(root, "toy", LIBRARY.find("ToyTrainer.log"), LIBRARY)
