"""Quotes resolve to true lines, moves are silent, changes and losses are not."""

import dataclasses

import pytest
from samples import LIBRARY, TRAINER

from trldoc import anchors
from trldoc.anchors import Quote, QuoteError
from trldoc.library import Library
from trldoc.pages import PageError, scan

LOSS = "ToyTrainer._compute_loss"


def quote(text: str) -> Quote:
    return anchors.read_quote(scan(f"```trl\n{text}\n```\n", "docs/x.md").fences[0])


def test_a_quote_is_first_and_last_line_of_a_symbol():
    span = anchors.resolve(quote(f"{LOSS}\nscores = model(inputs)\nloss = -margin"), LIBRARY)
    lines = TRAINER.split("\n")
    assert lines[span.start - 1].strip() == "scores = model(inputs)"
    assert lines[span.end - 1].strip() == "loss = -margin"
    assert span.text == "\n".join(lines[span.start - 1 : span.end])


def test_whole_quotes_the_symbol_and_after_tells_equal_lines_apart():
    whole = anchors.resolve(quote("ToyTrainer.log\nwhole"), LIBRARY)
    assert (whole.start, whole.end) == (LIBRARY.find("ToyTrainer.log").start, LIBRARY.find("ToyTrainer.log").end)
    first = anchors.resolve(quote("ToyTrainer.log\nreturn 1"), LIBRARY)
    second = anchors.resolve(quote("ToyTrainer.log\nafter: return 1\nreturn"), LIBRARY)
    assert second.start > first.start


def test_notes_are_read():
    note = quote(f'{LOSS}\nloss = -margin\nnote: "-margin" the sign').notes[0]
    assert (note.fragment, note.text) == ("-margin", "the sign")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LOSS}\nlos = -margin", "closest is line 16: `loss = -margin`"),
        (f"{LOSS}\nself._metrics[mode][", "stands 2 times"),
        (f"{LOSS}\nloss = -margin\nreturn los_", "`return los_` is not in"),
    ],
)
def test_a_lost_or_ambiguous_quote_says_what_to_do(text, message):
    with pytest.raises(QuoteError) as caught:
        anchors.resolve(quote(text), LIBRARY)
    assert message in str(caught.value) and ("relock" in str(caught.value) or "quote more" in str(caught.value))


@pytest.mark.parametrize("text", [LOSS, f"{LOSS}\na\nb\nc", f"{LOSS}\na\nnote: no quotes"])
def test_a_fence_that_is_no_quote_is_refused_with_its_place(text):
    with pytest.raises(PageError, match=r"docs/x.md:1: "):
        quote(text)


def test_the_lock_passes_what_moved_and_stops_what_changed(tmp_path):
    wanted = quote(f"{LOSS}\nscores = model(inputs)\nloss = -margin")
    locked = (anchors.lock_entry(wanted, anchors.resolve(wanted, LIBRARY)),)
    moved = Library("9.9.10", {"trl/trainer/toy_trainer.py": "\n\n" + TRAINER})
    changed = Library("9.9.10", {"trl/trainer/toy_trainer.py": TRAINER.replace("scores[0] - scores[1]", "scores[1]")})
    assert anchors.check_lock(wanted, anchors.resolve(wanted, moved), locked) is None
    assert "changed since" in anchors.check_lock(wanted, anchors.resolve(wanted, changed), locked)
    assert "not in docs/source.lock" in anchors.check_lock(wanted, anchors.resolve(wanted, LIBRARY), ())
    path = tmp_path / "source.lock"
    anchors.write_lock(path, {"docs/x.md": locked})
    assert anchors.read_lock(path) == {"docs/x.md": locked}
    assert [file.name for file in tmp_path.iterdir()] == ["source.lock"]
    assert dataclasses.asdict(locked[0])["lines"] == "11-16"
