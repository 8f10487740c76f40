"""The reward losses as symbols, and TRL's own loss on rewards of our choice: what the page prints is what it proves.

Knows SymPy and, in the harness, torch and TRL. Does not know how a page is built: a build reads the expressions only,
the page's blocks run all three regions.
"""

from functions import log_sigma, sigma

# --8<-- [start:expressions]
from sympy import symbols

r_w, r_l, x = symbols("r_w r_l x", real=True)
gamma, eta = symbols("gamma eta", positive=True)

# The loss of one pair: r_w and r_l are the rewards of the chosen and the rejected answer, gamma is the row's margin, eta is
# center_rewards_coefficient.
LOSSES = {
    "bradley_terry": -log_sigma(r_w - r_l),
    "margin": -log_sigma(r_w - r_l - gamma),
    "centered": -log_sigma(r_w - r_l) + eta * (r_w + r_l) ** 2,
    "margin_centered": -log_sigma(r_w - r_l - gamma) + eta * (r_w + r_l) ** 2,
}

# Their derivatives, in the form that reads best. A build refuses one that is not the derivative of the expression above.
GRADIENTS = {
    "bradley_terry": {r_w: -sigma(-(r_w - r_l)), r_l: sigma(-(r_w - r_l))},
    "margin": {r_w: -sigma(gamma - (r_w - r_l)), r_l: sigma(gamma - (r_w - r_l))},
    "centered": {
        r_w: -sigma(-(r_w - r_l)) + 2 * eta * (r_w + r_l),
        r_l: sigma(-(r_w - r_l)) + 2 * eta * (r_w + r_l),
    },
    "margin_centered": {
        r_w: -sigma(gamma - (r_w - r_l)) + 2 * eta * (r_w + r_l),
        r_l: sigma(gamma - (r_w - r_l)) + 2 * eta * (r_w + r_l),
    },
}

# Both rewards are 0: where a small random head nearly is.
START = {r_w: 0, r_l: 0}
AT = "r_w = r_l = 0"
# The curves move the chosen reward alone; the rejected one stays at 0, so that the centering term is seen too.
PATH = {r_w: x, r_l: 0}
AXIS = ("chosen reward", 6)
# Examples, large enough to be seen: TRL's default has neither a margin nor centering.
VALUES = {gamma: 1.0, eta: 0.1}
# --8<-- [end:expressions]

# --8<-- [start:harness]
from collections import defaultdict
from types import SimpleNamespace

import sympy
import torch
from trl import RewardConfig, RewardTrainer

TORCH = {"sigma": torch.sigmoid, "log_sigma": torch.nn.functional.logsigmoid}


def trl_loss(chosen, rejected, margins=None, logged=None, **options):
    """What TRL's own `RewardTrainer.compute_loss` returns for rewards of our choice.

    chosen, rejected: float[b]. margins: float[b], the column `margin`, or None. logged: a dict that receives the metrics.
    options: fields of `RewardConfig`.
    """
    metrics = defaultdict(list)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True),
        args=RewardConfig(output_dir="unused", use_cpu=True, **options),
        accelerator=SimpleNamespace(gather=lambda t: t, gather_for_metrics=lambda t: t),
        _metrics={"train": metrics},
        _total_train_tokens=0,
        _tp_size=1,
    )
    inputs = {"attention_mask": torch.ones(2 * len(chosen), 1)}
    if margins is not None:
        inputs["margin"] = margins
    rewards = torch.cat([chosen, rejected]).unsqueeze(-1)  # [2b, 1], as a head with one output gives them
    loss = RewardTrainer.compute_loss(trainer, lambda **inputs: SimpleNamespace(logits=rewards), inputs)
    if logged is not None:
        logged.update({key: values[-1] for key, values in metrics.items()})
    return loss


def evaluate(expression, values):
    """The expression on torch tensors, in their own precision. values: symbol -> tensor or float."""
    return sympy.lambdify(list(values), expression, modules=[TORCH])(*values.values())


def one_by_one(chosen, rejected, margins=None, **options):
    """TRL's loss of each pair, seen alone: float[b]."""
    rows = [slice(i, i + 1) for i in range(len(chosen))]
    losses = [
        trl_loss(chosen[row], rejected[row], None if margins is None else margins[row], **options) for row in rows
    ]
    return torch.stack(losses)


def prove(loss, n=8, coefficients=(0.01, 0.1, 1.0)):
    """Assert that the symbol and TRL agree on random pairs: loss of each pair, gradient by each reward, value at 0.

    loss: a name in LOSSES. Prints what was compared; raises AssertionError on a difference above 1e-6 (relative where
    values are large), in float32.
    """
    expression = LOSSES[loss]
    margins = (
        3 * torch.rand(n, generator=torch.Generator().manual_seed(9)) if gamma in expression.free_symbols else None
    )
    for seed, coefficient in enumerate(coefficients):
        chosen, rejected = (2 * torch.randn(2, n, generator=torch.Generator().manual_seed(seed))).requires_grad_()
        options = {"center_rewards_coefficient": coefficient} if eta in expression.free_symbols else {}

        given = {"margins": margins, **options}
        theirs = one_by_one(chosen, rejected, **given)
        slopes = torch.autograd.grad(theirs.sum(), (chosen, rejected))
        at = {r_w: chosen.detach(), r_l: rejected.detach(), gamma: margins, eta: coefficient}
        torch.testing.assert_close(evaluate(expression, at), theirs.detach(), rtol=1e-6, atol=1e-6)
        for symbol, slope in zip((r_w, r_l), slopes, strict=True):
            torch.testing.assert_close(evaluate(expression.diff(symbol), at), slope, rtol=1e-6, atol=1e-6)
        zero = torch.zeros(n)
        at |= {r_w: zero, r_l: zero}
        torch.testing.assert_close(evaluate(expression, at), one_by_one(zero, zero, **given), rtol=1e-6, atol=1e-6)
        whole = trl_loss(chosen.detach(), rejected.detach(), **given)
        torch.testing.assert_close(
            whole, theirs.detach().mean(), rtol=1e-6, atol=1e-6
        )  # a batch is the mean of its pairs
    told = f" for each coefficient of {coefficients}" if eta in expression.free_symbols else ""
    print(f"{loss}: symbol and TRL agree on {n} pairs{told}")


# --8<-- [end:harness]
