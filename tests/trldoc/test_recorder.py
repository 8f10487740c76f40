"""Contract of `trldoc.recorder` and `trldoc.statements`: source in, values at lines out."""

import ast
import importlib.util
import textwrap

import pytest

from trldoc.library import Library, LibraryError
from trldoc.recorder import Recorder
from trldoc.statements import plan

SOURCE = textwrap.dedent('''\
    class Trainer:
        def step(self, batch):
            total = 0
            output = {}
            for first, (second, *rest) in batch:
                total += first
            output["half"] = (
                total / 2
            )
            self.seen = []
            self.seen.append(total)
            if (
                total > 100
            ):
                mode = "large"
            else:
                mode = "small"

            def inner(x):
                y = x + 1
                return y

            with open(__file__) as source:
                line = source.readline()
            wrong = "before"
            try:
                wrong = inner(None)
            except TypeError:
                wrong = "caught"
            return inner(total)

        def train(self, batches):
            for batch in batches:
                self.step(batch)
''')


@pytest.fixture
def trainer(tmp_path):
    """A module that looks like a file of TRL, loaded, and the library that holds its text."""
    path = tmp_path / "trl" / "toy.py"
    path.parent.mkdir()
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("trl_toy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Trainer, Library("0.0.0", {"trl/toy.py": SOURCE}), path


BATCHES = [[(1, (2, 3))], [(10, (20, 30)), (11, (21, 31))], [(7, (8,))]]


def record(trainer, references, **options):
    Trainer, library, _ = trainer
    recorder = Recorder(library, references, **options)
    with recorder:
        Trainer().train(BATCHES)
    return {function.qualname: function for function in recorder.functions()}, recorder


def texts(function):
    return {line: [f"{v.name} {v.text}" for v in values] for line, values in function.lines.items()}


def test_every_statement_is_recorded_after_it_ran(trainer):
    functions, _ = record(trainer, ["Trainer.step"])
    assert texts(functions["Trainer.step"]) == {
        0: ["self Trainer", "batch list[1] = [(1, (2, 3))]"],
        1: ["total 0"],
        2: ["output dict[0]"],
        3: ["first 1", "second 2", "rest list[1] = [3]"],
        4: ["total 1"],
        5: ['output["half"] 0.5'],
        8: ["self.seen list[0]"],
        9: ["self.seen list[1] = [1]"],
        15: ["mode 'small'"],
        21: ["source TextIOWrapper"],
        22: ["line 'class Trainer:\\n'"],
        23: ["wrong 'before'"],
        27: ["wrong 'caught'"],  # and nothing at line 25, whose statement failed
        28: ["return 2"],
    }


def test_executed_lines_count_whole_statements_and_branch_keywords(trainer):
    functions, _ = record(trainer, ["Trainer.step"])
    executed = functions["Trainer.step"].executed
    rows = SOURCE.split("\n")[1:]
    shown = [line for line, row in enumerate(rows[:29]) if row.strip() and line not in executed]
    # The branch not taken, and the body of the nested function, which is a symbol of its own.
    assert [rows[line].strip() for line in shown] == ['mode = "large"', "y = x + 1", "return y"]


def test_nested_functions_and_the_number_of_calls(trainer):
    functions, _ = record(trainer, ["Trainer.step", "Trainer.step.inner"])
    inner = functions["Trainer.step.inner"]
    assert (inner.module, inner.calls, inner.call) == ("trl.toy", 6, 1)
    assert texts(inner) == {0: ["x None"]}  # the first call failed before it assigned anything
    assert functions["Trainer.step"].calls == 3


def test_a_chosen_call_decides_for_everything_inside_it(trainer):
    told = []
    functions, recorder = record(
        trainer,
        ["Trainer.step.inner"],
        calls={"Trainer.step": 2},
        seen=lambda name, number, frame: told.append((name, number, len(frame.f_locals["batch"]))),
    )
    step = functions["Trainer.step"]
    assert (step.call, step.calls) == (2, 3)
    assert texts(step)[3] == ["first 10", "second 20", "rest list[1] = [30]"]  # the first time round the loop
    assert texts(step)[4] == ["total 10"]
    assert functions["Trainer.step.inner"].call == 3  # the first of the two calls inside the second step
    assert told == [("Trainer.step", 1, 1), ("Trainer.step", 2, 2), ("Trainer.step", 3, 1)]
    assert recorder.missed() == ()


def test_a_call_that_never_came_is_reported(trainer):
    functions, recorder = record(trainer, [], calls={"Trainer.step": 9})
    assert functions == {}
    assert recorder.missed() == ("Trainer.step: call 9 was asked for, there were 3",)


def test_an_unknown_symbol_offers_the_closest(trainer):
    with pytest.raises(LibraryError, match="closest is `Trainer.step`"):
        Recorder(trainer[1], ["Trainer.steps"])


def test_a_file_that_is_not_the_releases_is_refused(trainer):
    Trainer, _, path = trainer
    recorder = Recorder(Library("0.0.0", {"trl/toy.py": SOURCE + "\n# another release\n"}), ["Trainer.step"])
    with pytest.raises(RuntimeError, match="is not the file of the pinned TRL release"), recorder:
        Trainer().step(BATCHES[0])


def test_targets_that_would_call_something_are_left_out():
    source = "def f(model):\n    model.config().pad = 1\n    model.list().append(2)\n    model.pad = 3\n"
    statements = plan(ast.parse(source).body[0], source)
    assert {line: statement.names for line, statement in statements.items()} == {2: (), 3: (), 4: ("model.pad",)}
