"""The proofs of the DPO page can fail: every symbol and every branch of TRL's loss is broken once, and each is noticed."""

import ast
import inspect
import textwrap
from pathlib import Path

import pytest
import sympy
from trl import DPOConfig
from trl.trainer import dpo_trainer

from trldoc.blocks import blocks
from trldoc.pages import read_page

ROOT = Path(__file__).resolve().parents[1]
PAGE = [block for block in blocks(read_page(ROOT / "docs/trainers/dpo/math.md", ROOT), ROOT) if block.group == "proofs"]
SOURCE = textwrap.dedent(inspect.getsource(dpo_trainer.DPOTrainer._compute_loss))
SMOOTHED = {name: {"label_smoothing": 0.1} for name in ("exo_pair", "robust", "aot", "aot_unpaired")}
# loss type or divergence -> a line of TRL, and the same line with a wrong sign
BROKEN = {
    "sigmoid": ("-F.logsigmoid(self.beta * delta_score)", "F.logsigmoid(self.beta * delta_score)"),
    "hinge": ("1 - self.beta * delta_score", "1 + self.beta * delta_score"),
    "ipo": ("ipo_delta - 1 / (2", "ipo_delta + 1 / (2"),
    "exo_pair": ("ql * (log_ql - log_pl)", "ql * (log_ql + log_pl)"),
    "nca_pair": ("- 0.5 * F.logsigmoid(-rejected_rewards)", "+ 0.5 * F.logsigmoid(-rejected_rewards)"),
    "robust": ("clean_loss_term - flipped_loss_term", "clean_loss_term + flipped_loss_term"),
    "bco_pair": (" - F.logsigmoid(-rejected_rewards)", " + F.logsigmoid(-rejected_rewards)"),
    "sppo_hard": ("rejected_logratios + 0.5", "rejected_logratios - 0.5"),
    "aot": ("delta = logratios_sorted - ref", "delta = logratios_sorted + ref"),
    "aot_unpaired": ("delta = chosen_logratios_sorted - ", "delta = chosen_logratios_sorted + "),
    "apo_zero": ("losses_chosen = 1 - torch", "losses_chosen = 1 + torch"),
    "apo_down": ("(chosen_logratios - rejected_logratios)", "(chosen_logratios + rejected_logratios)"),
    "discopop": ("(1 - log_ratio_modulation)", "(1 + log_ratio_modulation)"),
    "sigmoid_norm": (" delta = chosen_avg_score - ", " delta = chosen_avg_score + "),
    "forward_kl": ("torch.exp(-chosen_logratios)", "torch.exp(chosen_logratios)"),
    "js_divergence": ("F.logsigmoid(chosen_logratios)", "F.logsigmoid(-chosen_logratios)"),
    "alpha_divergence": (
        "t_rejected = (self.f_alpha_divergence_coef - 1",
        "t_rejected = (self.f_alpha_divergence_coef + 1",
    ),
}
# what a block prints when it succeeds -> a line of TRL, and the same line broken
BROKEN_BLOCKS = {
    "sft: loss and gradient equal": ("-chosen_per_token_logps[", "chosen_per_token_logps["),
    "aot and aot_unpaired: equal": ("_ = torch.sort(logratios, dim=0)", "_ = logratios, None"),
    "without loss_weights": (".mean() * loss_weight", ".mean()"),
    "ld_alpha=1.0 is the loss": ("shared_logps + self.ld_alpha", "shared_logps - self.ld_alpha"),
    "the weights carry": ("(per_token_logps - outputs", "(per_token_logps + outputs"),
    "weights carry no gradient": (
        "torch.no_grad():\n                aligned",
        "torch.enable_grad():\n                aligned",
    ),
    "whatever the loss weights": ("loss + self.router_aux", "loss - self.router_aux"),
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
        namespace = dict(vars(dpo_trainer))
        exec(SOURCE.replace(old, new), namespace)  # noqa: S102
        monkeypatch.setattr(dpo_trainer.DPOTrainer, "_compute_loss", namespace["_compute_loss"])

    return broken


def proved(copied: dict, loss: str, **options) -> bool:
    try:
        copied["prove"](loss, n=3, betas=(0.5,), **SMOOTHED.get(loss, {}), **options)
    except (AssertionError, ValueError):  # ValueError: a wrong sign inside a logarithm
        return False
    return True


def mutants(expression: sympy.Expr) -> dict[str, sympy.Expr]:
    """The expression with its sign, a coefficient, or the sign of one term of one sum changed."""
    beta = sympy.Symbol("beta", positive=True)
    changed = {"negated": -expression, "scaled": expression * 1.001, "beta scaled": expression.subs(beta, 1.001 * beta)}
    for total in expression.atoms(sympy.Add):
        for term in total.args:
            changed[f"{term} negated in {total}"] = expression.xreplace({total: total - 2 * term})
    return changed


def test_the_page_has_every_loss_of_trl(copied):
    compared = [
        node.comparators[0].value
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "loss_type"
    ]
    assert sorted(compared) == sorted([*copied["LOSSES"], "sft"])  # sft, a mean over tokens, is proved in torch
    assert set(BROKEN) == {*copied["LOSSES"], *copied["SCORES"]} - {"reverse_kl"}


def test_numbers_of_the_page_are_the_defaults(copied):
    config = DPOConfig(output_dir="unused", use_cpu=True)
    defaults = {"beta": config.beta, "tau": config.discopop_tau, "alpha": config.f_alpha_divergence_coef}
    assert {str(symbol): value for symbol, value in copied["VALUES"].items() if str(symbol) in defaults} == defaults


@pytest.mark.parametrize("name", [name for name in BROKEN if not name.endswith(("_kl", "_divergence"))])
def test_a_wrong_symbol_is_rejected(copied, name):
    assert proved(copied, name)
    right = copied["LOSSES"][name]
    survivors = []
    for change, wrong in mutants(right).items():
        copied["LOSSES"][name] = wrong
        if proved(copied, name):
            survivors.append(change)
    assert survivors == []


@pytest.mark.parametrize("name", [name for name in BROKEN if name.endswith(("_kl", "_divergence"))])
def test_a_wrong_score_is_rejected(copied, name):
    assert proved(copied, "sigmoid", f_divergence_type=name)
    copied["SCORES"][name] = -copied["SCORES"][name]
    assert not proved(copied, "sigmoid", f_divergence_type=name)


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_line_of_trl_is_rejected(copied, break_trl, name):
    break_trl(*BROKEN[name])
    loss, options = ("sigmoid", {"f_divergence_type": name}) if name in copied["SCORES"] else (name, {})
    assert not proved(copied, loss, **options)


@pytest.mark.parametrize("printed", BROKEN_BLOCKS)
def test_a_block_rejects_a_wrong_line_of_trl(copied, break_trl, printed):
    (block,) = [block for block in PAGE if printed in block.source]
    exec(block.source, copied)  # noqa: S102
    break_trl(*BROKEN_BLOCKS[printed])
    with pytest.raises(AssertionError):
        exec(block.source, copied)  # noqa: S102
