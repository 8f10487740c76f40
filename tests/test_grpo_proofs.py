"""The proofs of the GRPO page can fail: TRL's code is broken once for each of them, and every block notices."""

import inspect
import textwrap
from pathlib import Path

import pytest
import sympy
from trl import GRPOConfig
from trl.trainer import grpo_trainer

from trldoc.blocks import blocks
from trldoc.pages import read_page

ROOT = Path(__file__).resolve().parents[1]
PAGE = [b for b in blocks(read_page(ROOT / "docs/trainers/grpo/math.md", ROOT), ROOT) if b.group == "proofs"]
# a piece of a block -> method of TRL, a piece of its text, and the same broken
BROKEN = {
    "for mode, ours in expected.items()": ("_generate_and_score_completions", "(std_rewards + 1e-4)", "(std_rewards + 1)"),
    "z = (grouped": ("_generate_and_score_completions", "(std_k + 1e-4)", "(std_k + 1)"),
    'prove("clipped_up", 1.5, loss_type=loss_type)': ("_compute_loss", "1 - self.epsilon_low, 1 +", "1 - self.epsilon_low, 2 +"),
    'prove("two_sided_down"': ("_compute_loss", "max=self.args.delta", "max=2 * self.args.delta"),
    'prove("sapo_up"': ("_compute_loss", "advantages > 0, self.args.sapo", "advantages < 0, self.args.sapo"),
    "for bound in (0.9, 1.2, 5.0)": ("_compute_loss", "self.epsilon_high).detach()", "self.epsilon_high)"),
    "phi = (lam": ("get_gamma_weights", "- lambda_seq * w_seq", "+ lambda_seq * w_seq"),
    "r = (((policy - old)": ("_compute_loss", "(log_ratio * mask).sum(-1) / mask", "(log_ratio * mask).sum(-1) / 2 / mask"),
    "n, a, q, items, L": ("_compute_loss", "/ self.args.steps_per_generation", "* self.args.steps_per_generation"),
    "for corrected in (True, False):\n    k =": ("_compute_loss", "per_token_kl * coef_1", "per_token_kl * coef_1.detach()"),
    "kept = (entropy >= threshold)": ("get_high_entropy_mask", ">= entropy_threshold", "<= entropy_threshold"),
    "keep = (advantages >= 0)": ("get_off_policy_mask", "is_pos_adv | is_low_kl", "is_pos_adv & is_low_kl"),
    "bonus = (entropy": ("_compute_loss", "loss - apply_coef", "loss + apply_coef"),
    "sampler = old + 1.5": ("_generate_and_score_completions", "(old_per_token_logps - sampling_per", "(old_per_token_logps + sampling_per"),
}  # fmt: skip


def break_trl(monkeypatch, method: str, old: str, new: str) -> None:
    """Replace a method by a copy in which one piece of text is another."""
    source = textwrap.dedent(inspect.getsource(getattr(grpo_trainer.GRPOTrainer, method)))
    assert old in source, f"TRL no longer says {old!r} in {method}: choose another line to break"
    namespace = dict(vars(grpo_trainer))
    exec(source.replace(old, new), namespace)  # noqa: S102
    monkeypatch.setattr(grpo_trainer.GRPOTrainer, method, namespace[method])


@pytest.fixture(scope="module")
def quiet() -> dict:
    return {"__name__": "copied", "print": lambda *texts: None}


def test_every_proof_notices_a_broken_trl(quiet):
    left = dict(BROKEN)
    for block in PAGE:
        found = [piece for piece in left if piece in block.source]
        for piece in found:
            with pytest.MonkeyPatch.context() as monkeypatch:
                break_trl(monkeypatch, *left.pop(piece))
                with pytest.raises(AssertionError):
                    exec(block.source, quiet)  # noqa: S102
        exec(block.source, quiet)  # noqa: S102
    assert not left, f"no block holds {list(left)}"


def test_every_symbol_is_noticed_when_wrong(quiet):
    for block in (block for block in PAGE if block.included):
        exec(block.source, quiet)  # noqa: S102
    asked = {
        "clipped_up": (1.5, {"loss_type": "grpo"}),
        "clipped_down": (-0.7, {"loss_type": "grpo"}),
        "two_sided_down": (-0.7, {"loss_type": "grpo", "delta": 2.5}),
        "sapo_up": (1.5, {"loss_type": "sapo"}),
        "sapo_down": (-0.7, {"loss_type": "sapo"}),
    }
    assert {*asked, "kl"} == set(quiet["LOSSES"])  # kl is compared in torch
    for name, (advantage, options) in asked.items():
        right = quiet["LOSSES"][name]
        for wrong in (-right, right * sympy.Float(1.001), right + sympy.Float(0.001)):
            quiet["LOSSES"][name] = wrong
            with pytest.raises(AssertionError):
                quiet["prove"](name, advantage, **options)
        quiet["LOSSES"][name] = right
        quiet["prove"](name, advantage, **options)


def test_numbers_of_the_page_are_the_defaults(quiet):
    config = GRPOConfig("unused", use_cpu=True, bf16=False)
    values = {str(symbol): value for symbol, value in quiet["VALUES"].items()}
    assert values["epsilon_low"] == values["epsilon_high"] == config.epsilon
    assert (values["tau_pos"], values["tau_neg"]) == (config.sapo_temperature_pos, config.sapo_temperature_neg)
