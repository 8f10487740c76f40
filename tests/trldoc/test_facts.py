"""Facts are found where prose stands, looked up in a release, and refused with the closest name."""

from pathlib import Path

import pytest
from samples import LIBRARY

from trldoc import facts
from trldoc.facts import FactError, Sources
from trldoc.pages import scan

SOURCES = Sources(Path(__file__).resolve().parents[2], LIBRARY, lambda slug: {"sigmoid": 1})


def found(text: str) -> list[tuple[str, list[str]]]:
    return [(verb, arguments) for _, _, verb, arguments in facts.find_facts(scan(text, "x.md"))]


def test_facts_are_found_in_prose_only():
    text = "a {default ToyConfig.beta} `{default no.no}` $\\frac{a b}{c}$ {#id} {.class}\n\n```python\n{default no.no}\n```\n{release}\n"
    assert found(text) == [("default", ["ToyConfig.beta"]), ("release", [])]


def test_arguments_may_be_quoted():
    assert found('{message T.f "`a` is"} `{b c}` {release}') == [("message", ["T.f", "`a` is"]), ("release", [])]
    assert found('{line ToyTrainer.log "return inner()"}') == [("line", ["ToyTrainer.log", "return inner()"])]


@pytest.mark.parametrize(
    ("verb", "arguments", "text", "target"),
    [
        ("default", ["ToyConfig.losses"], '["sigmoid"]', "reference/toy/#ToyConfig.losses"),
        ("type", ["ToyConfig.beta"], "float", "reference/toy/#ToyConfig.beta"),
        ("line", ["ToyTrainer._compute_loss", "margin ="], "toy_trainer.py:12", "source/9.9.9/trl/trainer/toy_trainer.py.html#L12"),
        ("quote", ["ToyTrainer.log", "return inner"], "return inner()", "source/9.9.9/trl/trainer/toy_trainer.py.html#L30"),
        ("metric", ["toy", "rewards/margins"], "rewards/margins", "source/9.9.9/trl/trainer/toy_trainer.py.html#L19"),
        ("count", ["metrics", "toy"], "2", None),
        ("count", ["losses", "toy"], "1", None),
        ("release", [], "9.9.9", None),
    ],
)
def test_facts_are_looked_up(verb, arguments, text, target):
    fact = facts.look_up(verb, arguments, SOURCES)
    assert (fact.text, fact.target) == (text, target)


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        ("defalt", [], "there is no fact `defalt`; closest is `default`"),
        ("default", ["ToyConfig.bta"], "closest is `beta`"),
        ("default", [], "is written `{default Config.field}`"),
        ("count", ["metric", "toy"], "cannot count `metric`; closest is `metrics`"),
        ("record", ["nothing", "summary.x"], "run `make record EX=nothing`"),
        ("metric", ["toys", "x"], "no trainer `toys`; closest is `toy`"),
    ],
)
def test_what_cannot_be_looked_up_is_refused_with_a_repair(verb, arguments, message):
    with pytest.raises(FactError) as caught:
        facts.look_up(verb, arguments, SOURCES)
    assert message in str(caught.value)
