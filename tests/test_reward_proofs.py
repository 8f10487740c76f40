"""The proofs of the Reward page can fail: every symbol and every line of TRL's loss is broken once, and each is noticed."""

import inspect
import textwrap
from pathlib import Path

import pytest
import sympy
from trl.trainer import reward_trainer

from trldoc.blocks import blocks
from trldoc.pages import read_page

ROOT = Path(__file__).resolve().parents[1]
PAGE = [
    block for block in blocks(read_page(ROOT / "docs/trainers/reward/math.md", ROOT), ROOT) if block.group == "proofs"
]
SOURCE = textwrap.dedent(inspect.getsource(reward_trainer.RewardTrainer.compute_loss))
LOSSES = ("bradley_terry", "margin", "centered", "margin_centered")
# what is broken -> loss that must notice, piece of TRL's text, the same piece broken
BROKEN = {
    "sign of the loss": ("bradley_terry", "loss = -nn", "loss = nn"),
    "halves exchanged": ("bradley_terry", "rewards_chosen, rewards_rejected = ", "rewards_rejected, rewards_chosen = "),
    "a sum": ("bradley_terry", "rewards_rejected).mean()\n\n", "rewards_rejected).sum()\n\n"),
    "margin added": ("margin", '- inputs["margin"]', '+ inputs["margin"]'),
    "margin left out": ("margin", ' - inputs["margin"]', ""),
    "difference centered": (
        "centered",
        "rewards_chosen + rewards_rejected) ** 2",
        "rewards_chosen - rewards_rejected) ** 2",
    ),
    "not squared": ("centered", "(rewards_chosen + rewards_rejected) ** 2", "(rewards_chosen + rewards_rejected)"),
    "no coefficient": ("centered", "loss += self.args.center_rewards_coefficient * ", "loss += "),
    "one of the two": ("margin_centered", "if self.args.center_rewards_coefficient is not None", "if False"),
}


@pytest.fixture
def copied() -> dict:
    """The namespace of a reader who copied the three regions that the page shows first."""
    namespace: dict = {"__name__": "copied", "print": lambda *texts: None}
    for block in (block for block in PAGE if block.included):
        exec(block.source, namespace)  # noqa: S102
    return namespace


@pytest.fixture
def break_trl(monkeypatch):
    """Replace TRL's loss by a copy in which one piece of text is another."""

    def broken(old: str, new: str) -> None:
        assert old in SOURCE, f"TRL no longer says {old!r}: choose another line to break"
        namespace = dict(vars(reward_trainer))
        exec(SOURCE.replace(old, new), namespace)  # noqa: S102
        monkeypatch.setattr(reward_trainer.RewardTrainer, "compute_loss", namespace["compute_loss"])

    return broken


def proved(copied: dict, loss: str) -> bool:
    try:
        copied["prove"](loss, n=4, coefficients=(0.1,))
    except AssertionError:
        return False
    return True


def mutants(expression: sympy.Expr) -> dict[str, sympy.Expr]:
    """The expression with its sign, a coefficient, or the sign of one term of one sum changed."""
    changed = {"negated": -expression, "scaled": expression * 1.001}
    for total in expression.atoms(sympy.Add):
        for term in total.args:
            changed[f"{term} negated in {total}"] = expression.xreplace({total: total - 2 * term})
    return changed


def test_the_page_has_every_branch_of_the_loss(copied):
    assert set(copied["LOSSES"]) == set(LOSSES)
    assert SOURCE.count("loss = -nn.functional") == 2 and SOURCE.count("loss +=") == 1


@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_symbol_is_rejected(copied, name):
    assert proved(copied, name)
    right = copied["LOSSES"][name]
    survivors = []
    for change, wrong in mutants(right).items():
        copied["LOSSES"][name] = wrong
        if proved(copied, name):
            survivors.append(change)
    assert survivors == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_wrong_line_of_trl_is_rejected(copied, break_trl, what):
    loss, old, new = BROKEN[what]
    break_trl(old, new)
    assert not proved(copied, loss)
