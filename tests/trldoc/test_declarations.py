"""Metrics and messages are read from syntax, and what is not declared is answered with the closest name."""

import pytest
from samples import LIBRARY

from trldoc import declarations as d
from trldoc.library import LibraryError


def test_metrics_keep_their_holes():
    assert [metric.key for metric in d.metrics(LIBRARY, "ToyTrainer")] == ["rewards/margins", "rewards/{name}"]


def test_messages_join_their_parts_and_keep_their_holes():
    message = d.find_message(LIBRARY, "ToyTrainer._compute_loss", "must be at most")
    assert (message.kind, message.text) == ("ValueError", "`beta` must be at most 1, got {self.beta}. Lower it.")
    assert d.find_message(LIBRARY, "ToyTrainer._compute_loss", "going away").kind == "FutureWarning"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: d.find_metric(LIBRARY, "ToyTrainer", "reward/margins"), "closest is `rewards/margins`"),
        (lambda: d.find_message(LIBRARY, "ToyTrainer._compute_loss", "`beta` must be at least"), "closest is ``beta` must be"),
        (lambda: d.ancestry(LIBRARY, "trl.other:helper"), "is a function, not a class"),
    ],
)
def test_unknown_names_are_answered_with_the_closest(call, message):
    with pytest.raises(LibraryError) as caught:
        call()
    assert message in str(caught.value)
