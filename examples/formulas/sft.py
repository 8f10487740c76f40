"""SFT's losses as symbols, and TRL's own loss on tensors of our choice: what the page prints is what it proves.

Knows SymPy and, in the harness, torch and TRL. Does not know how a page is built: a build reads the expressions only,
the page's blocks run all three regions.
"""

from functions import log_sigma

# --8<-- [start:expressions]
from sympy import exp, log, symbols

ell, ell_V, x = symbols("ell ell_V x", real=True)
w, epsilon, V = symbols("w epsilon V", positive=True)

# The loss of one token. ell is the log-probability of its label, ell_V the mean log-probability of all V tokens, and
# w the label's probability, held constant.
LOSSES = {
    "nll": -ell,
    "dft": -w * ell,
    "dft_through": -exp(ell) * ell,
    "smoothed": -(1 - epsilon) * ell - epsilon * ell_V,
}
GRADIENTS = {"dft": {ell: -w}, "dft_through": {ell: -exp(ell) * (1 + ell)}}

# A model that knows nothing gives every token the same probability.
START = {ell: -log(V), ell_V: -log(V)}
# The label has the logit x against all other tokens together: its probability is the logistic function of x.
PATH = {ell: log_sigma(x), ell_V: -log(V)}
VALUES = {V: 2000, w: 0.0005, epsilon: 0.1}
AXIS = ("logit of the label", 6)
AT = r"\pi_\theta = 1/V"
# --8<-- [end:expressions]

# --8<-- [start:harness]
from collections import defaultdict
from types import SimpleNamespace

import sympy
import torch
from transformers.trainer_pt_utils import LabelSmoother
from trl import SFTConfig, SFTTrainer


def trl_loss(logits, labels, count=None, aux_loss=None, steps=1, **options):
    """What TRL's own `SFTTrainer.compute_loss` returns for logits of our choice.

    logits: float[b, t, v]. labels: int[b, t], -100 where a token is not trained. count: labels in all micro-batches of
    a step, as `Trainer` passes it; None: as in evaluation. aux_loss: float[] of a mixture of experts. steps:
    micro-batches in a step. options: fields of `SFTConfig`.
    """
    config = SFTConfig(output_dir="unused", use_cpu=True, **options)
    log_probs = logits.log_softmax(dim=-1)[:, :-1]
    mask = labels[:, 1:] != -100
    chosen = log_probs.gather(-1, labels[:, 1:, None].clamp(min=0)).squeeze(-1) * mask
    outputs = SimpleNamespace(
        logits=logits,
        log_probs=chosen,
        label_mask=mask,
        entropy=-(log_probs.exp() * log_probs).sum(-1) * mask,
        is_top1=(log_probs.argmax(-1) == labels[:, 1:]) & mask,
        aux_loss=aux_loss,
    )
    model = torch.nn.Module()
    smoothing = config.label_smoothing_factor
    trainer = SimpleNamespace(
        model=model,
        args=config,
        aux_loss_enabled=aux_loss is not None,
        router_aux_loss_coef=config.router_aux_loss_coef,
        current_gradient_accumulation_steps=steps,
        compute_loss_func=None,
        label_smoother=LabelSmoother(epsilon=smoothing) if smoothing else None,
        accelerator=SimpleNamespace(parallelism_config=None, num_processes=1, gather_for_metrics=lambda t: t),
        get_tp_size=lambda: 1,
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )

    def forward(**inputs):
        return outputs if "labels" in inputs else {"logits": logits}

    batch = {"input_ids": labels, "attention_mask": torch.ones_like(labels), "labels": labels}
    loss = SFTTrainer.compute_loss(trainer, forward, batch, num_items_in_batch=count)
    trl_loss.metrics = dict(trainer._metrics["train"])
    return loss


def make_rows(n, seed=0, vocabulary=11, longest=9):
    """Random logits float[n, longest, v] and labels int[n, longest] of n rows; prompts and padding are -100."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, longest, vocabulary, generator=generator)
    labels = torch.randint(0, vocabulary, (n, longest), generator=generator)
    first = torch.randint(0, longest - 2, (n, 1), generator=generator)
    last = torch.randint(longest - 2, longest + 1, (n, 1), generator=generator)
    position = torch.arange(longest)
    labels[(position < first) | (position >= last)] = -100
    return logits, labels


def evaluate(expression, values):
    """The expression on torch tensors, in their own precision. values: symbol -> tensor or float."""
    return sympy.lambdify(list(values), expression, modules=[{"exp": torch.exp}, "math"])(*values.values())


def prove(name, n=6, **options):
    """Assert that the symbol and TRL agree: mean over the labels, and the gradient by every logit.

    name: a name in LOSSES. Prints what was compared; raises AssertionError on a difference above 1e-6 in float32.
    """
    for seed in range(4):
        logits, labels = make_rows(n, seed)
        logits.requires_grad_()
        mask = labels[:, 1:] != -100
        theirs = trl_loss(logits, labels, **options)
        (their_slope,) = torch.autograd.grad(theirs, logits)

        log_probs = logits.log_softmax(dim=-1)[:, :-1][mask]  # one row a trained label
        label = log_probs.gather(-1, labels[:, 1:][mask][:, None]).squeeze(-1)
        at = {ell: label, ell_V: log_probs.mean(-1), w: label.exp().detach()}
        at |= {epsilon: options.get("label_smoothing_factor", 0.0)}
        ours = evaluate(LOSSES[name], at).mean()
        (our_slope,) = torch.autograd.grad(ours, logits)
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(our_slope, their_slope, rtol=1e-5, atol=1e-6)

        uniform = trl_loss(torch.zeros_like(logits), labels, **options).item()
        start = LOSSES[name].subs(START).subs({V: logits.size(-1), w: 1 / logits.size(-1), epsilon: at[epsilon]})
        torch.testing.assert_close(float(start), uniform, rtol=1e-5, atol=1e-6)
    settings = "".join(f", {option}={value}" for option, value in options.items())
    print(f"{name}{settings}: symbol and TRL agree, value and gradient")


# --8<-- [end:harness]
