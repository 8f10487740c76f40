"""The proofs of the KTO page can fail: every symbol and every line of TRL's loss is broken once, and each is noticed."""

import ast
import inspect
import textwrap
from pathlib import Path

import pytest
import sympy
from trl import KTOConfig
from trl.trainer import kto_trainer

from trldoc.blocks import blocks
from trldoc.pages import read_page

ROOT = Path(__file__).resolve().parents[1]
PAGE = [block for block in blocks(read_page(ROOT / "docs/trainers/kto/math.md", ROOT), ROOT) if block.group == "proofs"]
METHODS = ("_compute_loss", "_compute_kl_logps")
SOURCE = {name: textwrap.dedent(inspect.getsource(getattr(kto_trainer.KTOTrainer, name))) for name in METHODS}
# what is broken -> loss that must notice, method of TRL, piece of its text, the same piece broken
BROKEN = {
    "desirable": ("kto", "_compute_loss", "(chosen_logratios - kl)", "(chosen_logratios + kl)"),
    "undesirable": ("kto", "_compute_loss", "(kl - rejected_logratios)", "(rejected_logratios - kl)"),
    "no maximum": ("kto", "_compute_loss", ".clamp(min=0)", ""),
    "a sum": ("kto", "_compute_loss", "(KL_logps - ref_KL_logps).mean()", "(KL_logps - ref_KL_logps).sum()"),
    "no reference": ("kto", "_compute_loss", "kl = (KL_logps - ref_KL_logps)", "kl = (KL_logps)"),
    "own answers": ("kto", "_compute_kl_logps", 'KL_model_kwargs.pop("KL_input_ids")', 'batch["input_ids"]'),
    "weights exchanged": ("kto", "_compute_loss", "self.desirable_weight * chosen", "self.undesirable_weight * chosen"),
    "a sum of losses": ("kto", "_compute_loss", "losses.nanmean()", "losses.nansum()"),
    "apo, desirable": ("apo_zero", "_compute_loss", "1 - F.sigmoid(self.beta * chosen_logratios)", "0"),
    "apo, undesirable": (
        "apo_zero",
        "_compute_loss",
        "F.sigmoid(self.beta * rejected_logratios)",
        "F.sigmoid(-self.beta * rejected_logratios)",
    ),
}
# what a block prints when it succeeds -> a piece of TRL's text, and the same piece broken
BROKEN_BLOCKS = {'print("equal")': ("loss + self.router_aux", "loss - self.router_aux")}


@pytest.fixture
def copied() -> dict:
    """The namespace of a reader who copied the three regions that the page shows first."""
    namespace: dict = {"__name__": "copied", "print": lambda *texts: None}
    for block in (block for block in PAGE if block.included):
        exec(block.source, namespace)  # noqa: S102
    return namespace


@pytest.fixture
def break_trl(monkeypatch):
    """Replace a method of TRL by a copy in which one piece of text is another."""

    def broken(method: str, old: str, new: str) -> None:
        assert old in SOURCE[method], f"TRL no longer says {old!r}: choose another line to break"
        namespace = dict(vars(kto_trainer))
        exec(SOURCE[method].replace(old, new), namespace)  # noqa: S102
        monkeypatch.setattr(kto_trainer.KTOTrainer, method, namespace[method])

    return broken


def proved(copied: dict, loss: str) -> bool:
    try:
        copied["prove"](loss, betas=(0.1,))
    except (AssertionError, TypeError):  # TypeError: a loss that became a plain number
        return False
    return True


def mutants(expression: sympy.Expr) -> dict[str, sympy.Expr]:
    """The expression with its sign, a coefficient, or the sign of one term of one sum changed."""
    beta = sympy.Symbol("beta", positive=True)
    changed = {"negated": -expression, "scaled": expression * 1.001, "beta scaled": expression.subs(beta, 1.01 * beta)}
    for total in expression.atoms(sympy.Add):
        for term in total.args:
            changed[f"{term} negated in {total}"] = expression.xreplace({total: total - 2 * term})
    return changed


def test_the_page_has_every_loss_of_trl(copied):
    compared = {
        node.comparators[0].value
        for node in ast.walk(ast.parse(SOURCE["_compute_loss"]))
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "self.loss_type"
    }
    assert (
        compared == {"kto", "apo_zero_unpaired"} == set(KTOConfig.__dataclass_fields__["loss_type"].metadata["choices"])
    )
    sides = {f"{loss}_{side}" for loss in ("kto", "apo_zero") for side in ("desirable", "undesirable")}
    assert set(copied["LOSSES"]) == set(copied["GRADIENTS"]) == sides


def test_numbers_of_the_page_are_the_defaults(copied):
    config = KTOConfig(output_dir="unused", use_cpu=True)
    values = {str(symbol): value for symbol, value in copied["VALUES"].items()}
    assert values == {
        "beta": config.beta,
        "lambda_D": config.desirable_weight,
        "lambda_U": config.undesirable_weight,
        "z_0": 0,
    }


@pytest.mark.parametrize("loss", ["kto", "apo_zero"])
def test_a_wrong_symbol_is_rejected(copied, loss):
    assert proved(copied, loss)
    survivors = []
    for name in (f"{loss}_desirable", f"{loss}_undesirable"):
        right = copied["LOSSES"][name]
        for change, wrong in mutants(right).items():
            copied["LOSSES"][name] = wrong
            if proved(copied, loss):
                survivors.append((name, change))
        copied["LOSSES"][name] = right
    assert survivors == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_wrong_line_of_trl_is_rejected(copied, break_trl, what):
    loss, method, old, new = BROKEN[what]
    break_trl(method, old, new)
    assert not proved(copied, loss)


@pytest.mark.parametrize("printed", BROKEN_BLOCKS)
def test_a_block_rejects_a_wrong_line_of_trl(copied, break_trl, printed):
    (block,) = [block for block in PAGE if printed in block.source]
    exec(block.source, copied)  # noqa: S102
    break_trl("_compute_loss", *BROKEN_BLOCKS[printed])
    with pytest.raises(AssertionError):
        exec(block.source, copied)  # noqa: S102
