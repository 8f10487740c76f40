"""The GRPO page names every field, argument and metric that TRL has."""

import ast
from pathlib import Path

import pytest

from trldoc import facts
from trldoc.configs import own_fields
from trldoc.declarations import metrics
from trldoc.library import pinned
from trldoc.pages import read_page

ROOT = Path(__file__).parents[1]
PAGE = read_page(ROOT / "docs/trainers/grpo/index.md", ROOT)
# Their name holds the reward function's name, so that no fact can name them; the page quotes the line that records them.
BY_NAME = {"rewards/{reward_func_name}/mean", "rewards/{reward_func_name}/std"}


def named(verb: str) -> set[str]:
    """Last arguments of the facts of one verb on the page."""
    return {arguments[-1] for _, _, found, arguments in facts.find_facts(PAGE) if found == verb}


@pytest.fixture(scope="module")
def library():
    return pinned(ROOT)


def test_every_field_has_its_row(library):
    declared = {f"GRPOConfig.{name}" for name in own_fields(library, "GRPOConfig", ROOT)}
    assert named("field") == declared
    assert named("default") == declared


def test_every_metric_is_defined(library):
    assert named("metric") | BY_NAME == {metric.key for metric in metrics(library, "GRPOTrainer")}
    assert "`rewards/<name>/mean`, `rewards/<name>/std`" in PAGE.text


def test_every_argument_of_the_trainer_has_its_row(library):
    node = library.node(library.find("GRPOTrainer.__init__"))
    assert isinstance(node, ast.FunctionDef)
    table = PAGE.text.partition("{#arguments}")[2].partition("\n### ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    in_table = [name.strip(" `") for row in rows for name in row.split(",")]
    assert set(in_table) == {argument.arg for argument in node.args.args[1:]}
