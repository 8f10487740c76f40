"""The SFT page names every field, argument and metric that TRL has, and its shell commands run."""

import ast
import importlib.util
import shlex
from pathlib import Path

import pytest

from trldoc import facts
from trldoc.configs import own_fields
from trldoc.declarations import metrics
from trldoc.library import pinned
from trldoc.pages import read_page
from trldoc.releases import page_release
from trldoc.runner import Runner

ROOT = Path(__file__).parents[1]
PAGE = read_page(ROOT / "docs/trainers/sft/index.md", ROOT)
COMMANDS = [shlex.split(fence.body.replace("\\\n", " ")) for fence in PAGE.fences_in("bash")]


def named(verb: str) -> set[str]:
    """Last arguments of the facts of one verb on the page."""
    return {arguments[-1] for _, _, found, arguments in facts.find_facts(PAGE) if found == verb}


@pytest.fixture(scope="module")
def library():
    return pinned(ROOT)


def test_every_field_has_its_row(library):
    declared = {f"SFTConfig.{name}" for name in own_fields(library, "SFTConfig", ROOT)}
    assert named("field") == declared
    assert named("default") == declared


def test_every_metric_is_defined(library):
    assert named("metric") == {metric.key for metric in metrics(library, "SFTTrainer")}


def test_every_argument_of_the_trainer_has_its_row(library):
    node = library.node(library.find("SFTTrainer.__init__"))
    assert isinstance(node, ast.FunctionDef)
    table = PAGE.text.partition("{#arguments}")[2].partition("\n### ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    in_table = [name.strip(" `") for row in rows for name in row.split(",")]
    assert set(in_table) == {argument.arg for argument in node.args.args[1:]}


def test_the_commands_train():
    script = Path(importlib.util.find_spec("trl").origin).parent / "scripts/sft.py"
    assert COMMANDS
    with Runner(ROOT, page_release(PAGE, ROOT)) as runner:
        for program, verb, *arguments in COMMANDS:
            assert (program, verb) == ("trl", "sft")
            ran = runner.run_file(script, arguments)
            assert ran.code == 0, ran.stderr
            assert "Model saved to " + arguments[arguments.index("--output_dir") + 1] in ran.stdout
