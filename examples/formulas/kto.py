"""KTO's losses as symbols, and TRL's own loss on tensors of our choice: what the page prints is what it proves.

Knows SymPy and, in the harness, torch and TRL. Does not know how a page is built: a build reads the expressions only,
the page's blocks run all three regions.
"""

from functions import sigma

# --8<-- [start:expressions]
from sympy import symbols

Delta, x = symbols("Delta x", real=True)
beta, lambda_D, lambda_U = symbols("beta lambda_D lambda_U", positive=True)
z_0 = symbols("z_0", nonnegative=True)

# The loss of one row with its weight. Delta is the row's log-ratio, z_0 the reference point that its batch shares.
LOSSES = {
    "kto_desirable": lambda_D * (1 - sigma(beta * (Delta - z_0))),
    "kto_undesirable": lambda_U * (1 - sigma(beta * (z_0 - Delta))),
    "apo_zero_desirable": lambda_D * (1 - sigma(beta * Delta)),
    "apo_zero_undesirable": lambda_U * sigma(beta * Delta),
}

# Their derivatives, in the form that reads best. A build refuses one that is not the derivative of the expression above.
GRADIENTS = {
    "kto_desirable": {Delta: -lambda_D * beta * sigma(beta * (Delta - z_0)) * sigma(-beta * (Delta - z_0))},
    "kto_undesirable": {Delta: lambda_U * beta * sigma(beta * (Delta - z_0)) * sigma(-beta * (Delta - z_0))},
    "apo_zero_desirable": {Delta: -lambda_D * beta * sigma(beta * Delta) * sigma(-beta * Delta)},
    "apo_zero_undesirable": {Delta: lambda_U * beta * sigma(beta * Delta) * sigma(-beta * Delta)},
}

# Policy equals reference: the log-ratio is 0. So is the reference point then, but it is measured, not moved by the loss.
START = {Delta: 0}
# The curves move the log-ratio.
PATH = {Delta: x}
AXIS = ("log-ratio", 60)
# KTOConfig's defaults, and the reference point at the start of training.
VALUES = {beta: 0.1, lambda_D: 1.0, lambda_U: 1.0, z_0: 0}
# --8<-- [end:expressions]

# --8<-- [start:harness]
from collections import defaultdict
from types import MethodType, SimpleNamespace

import sympy
import torch
from trl import KTOConfig, KTOTrainer

TORCH = {"sigma": torch.sigmoid}


def trl_loss(policy, reference, labels, mismatched=None, logged=None, aux_loss=None, **options):
    """What TRL's own `KTOTrainer._compute_loss` returns for log-probabilities of our choice.

    policy, reference: float[b], summed log-probability of each row's own answer. labels: bool[b]. mismatched: float[2, b],
    those of policy and reference for the neighbor's answer; 0 if left out. logged: a dict that receives the metrics.
    options: fields of `KTOConfig`. Each answer is one token here: KTO only ever sees sums.
    """
    config = KTOConfig(output_dir="unused", use_cpu=True, **options)
    b = len(labels)
    neighbors = torch.zeros(2, b) if mismatched is None else mismatched

    def model(own, neighbor):
        """Answers a call as a model with TRL's LM head does. Mismatched sequences begin with token 1, matched with 0."""

        def call(input_ids, **inputs):
            sums = neighbor if input_ids[0, 0] == 1 else own
            nothing = torch.zeros(b, 1)
            return SimpleNamespace(log_probs=sums[:, None], entropy=nothing, mean_logits=nothing, aux_loss=aux_loss)

        return call

    module = torch.nn.Module()
    module.is_gradient_checkpointing = False
    trainer = SimpleNamespace(
        model=module,
        args=config,
        beta=config.beta,
        loss_type=config.loss_type,
        desirable_weight=config.desirable_weight,
        undesirable_weight=config.undesirable_weight,
        calculate_KL=config.loss_type != "apo_zero_unpaired",
        precompute_ref_logps=False,
        aux_loss_enabled=aux_loss is not None,
        router_aux_loss_coef=config.router_aux_loss_coef,
        ref_model=model(reference, neighbors[1]),
        accelerator=SimpleNamespace(device="cpu", gather_for_metrics=lambda value: value),
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )
    trainer._compute_kl_logps = MethodType(KTOTrainer._compute_kl_logps, trainer)
    batch = {"label": labels}
    for prefix, first in (("", 0), ("KL_", 1)):
        batch[f"{prefix}input_ids"] = torch.tensor([[first, 2]]).repeat(b, 1)
        batch[f"{prefix}attention_mask"] = torch.ones(b, 2, dtype=torch.long)
        batch[f"{prefix}completion_mask"] = torch.tensor([[0, 1]]).repeat(b, 1)
    loss = KTOTrainer._compute_loss(trainer, model(policy, neighbors[0]), batch, return_outputs=False)
    if logged is not None:
        logged.update({key: values[-1] for key, values in trainer._metrics["train"].items()})
    return loss


def make_rows(b, seed=0):
    """Random rows: policy, reference float[b], labels bool[b] with both kinds, mismatched float[2, b]."""
    generator = torch.Generator().manual_seed(seed)
    policy, reference = -40 * torch.rand(2, b, generator=generator)
    labels = torch.rand(b, generator=generator) < 0.5
    labels[0], labels[1] = True, False
    return policy, reference, labels, -40 * torch.rand(2, b, generator=generator)


def evaluate(expression, values):
    """The expression on torch tensors, in their own precision. values: symbol -> tensor or float."""
    return sympy.lambdify(list(values), expression, modules=[TORCH])(*values.values())


def prove(loss, b=12, betas=(0.02, 0.1, 0.5, 2.0), weights=((1.0, 1.0), (1.0, 3.0), (0.5, 2.0))):
    """Assert that the symbols and TRL agree on random batches: the loss, and its gradient by every log-probability.

    loss: "kto" or "apo_zero", the beginning of two names in LOSSES. Prints what was compared; raises AssertionError on a
    difference above 1e-6, in float32.
    """
    option = {"kto": "kto", "apo_zero": "apo_zero_unpaired"}[loss]
    points = set()
    for seed, strength in enumerate(betas * 2):
        for weight_D, weight_U in weights:
            policy, reference, labels, mismatched = make_rows(b, seed)
            policy.requires_grad_()
            mismatched.requires_grad_()
            config = {
                "beta": strength,
                "desirable_weight": weight_D,
                "undesirable_weight": weight_U,
                "loss_type": option,
            }
            theirs = trl_loss(policy, reference, labels, mismatched, **config)
            (slopes,) = torch.autograd.grad(theirs, policy)

            point = (mismatched[0] - mismatched[1]).mean().clamp(min=0).item() if loss == "kto" else 0.0
            points.add(point > 0)
            at = {
                Delta: policy.detach() - reference,
                z_0: point,
                beta: strength,
                lambda_D: weight_D,
                lambda_U: weight_U,
            }
            good, bad = LOSSES[f"{loss}_desirable"], LOSSES[f"{loss}_undesirable"]
            ours = torch.where(labels, evaluate(good, at), evaluate(bad, at)).mean()
            slope = torch.where(labels, evaluate(good.diff(Delta), at), evaluate(bad.diff(Delta), at)) / b
            torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(slope, slopes, rtol=1e-5, atol=1e-6)
    seen = " and ".join(text for text, value in (("at 0", False), ("above 0", True)) if value in points)
    print(f"{option}: symbols and TRL agree on {2 * len(betas) * len(weights)} batches, reference point {seen}")


# --8<-- [end:harness]
