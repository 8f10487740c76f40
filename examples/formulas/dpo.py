"""DPO's losses as symbols, and TRL's own loss on tensors of our choice: what the page prints is what it proves.

Knows SymPy and, in the harness, torch and TRL. Does not know how a page is built: a build reads the expressions only,
the page's blocks run all three regions.
"""

from functions import log_sigma, relu, sigma, step

# --8<-- [start:expressions]
from sympy import Rational, exp, log, symbols

m, s_w, s_l, Delta_w, Delta_l, Delta, d_i, x = symbols("m s_w s_l Delta_w Delta_l Delta d_i x", real=True)
beta, epsilon, tau, alpha, n_w, n_l = symbols("beta epsilon tau alpha n_w n_l", positive=True)

# The loss of one pair. m = s_w - s_l; s is the score of a completion, Delta its log-ratio, n its number of tokens;
# d_i is the i-th difference of two sorted lists.
LOSSES = {
    "sigmoid": -log_sigma(beta * m),
    "hinge": relu(1 - beta * m),
    "ipo": (s_w / n_w - s_l / n_l - 1 / (2 * beta)) ** 2,
    "exo_pair": sigma(beta * m) * (log_sigma(beta * m) - log(1 - epsilon))
    + sigma(-beta * m) * (log_sigma(-beta * m) - log(epsilon)),
    "nca_pair": -log_sigma(beta * Delta_w)
    - Rational(1, 2) * log_sigma(-beta * Delta_w)
    - Rational(1, 2) * log_sigma(-beta * Delta_l),
    "robust": (-(1 - epsilon) * log_sigma(beta * m) + epsilon * log_sigma(-beta * m)) / (1 - 2 * epsilon),
    "bco_pair": -log_sigma(beta * Delta_w) - log_sigma(-beta * Delta_l),
    "sppo_hard": (Delta_w - 1 / (2 * beta)) ** 2 + (Delta_l + 1 / (2 * beta)) ** 2,
    "aot": -(1 - epsilon) * log_sigma(beta * d_i) - epsilon * log_sigma(-beta * d_i),
    "aot_unpaired": -(1 - epsilon) * log_sigma(beta * d_i) - epsilon * log_sigma(-beta * d_i),
    "apo_zero": 1 - sigma(beta * Delta_w) + sigma(beta * Delta_l),
    "apo_down": sigma(beta * Delta_w) + 1 - sigma(beta * (Delta_w - Delta_l)),
    "discopop": -(1 - sigma(beta * m / tau)) * log_sigma(beta * m) + sigma(beta * m / tau) * exp(-beta * m),
    "sigmoid_norm": -log_sigma(beta * (s_w / n_w - s_l / n_l)),
}

# The score of one completion, for each f_divergence_type.
SCORES = {
    "reverse_kl": Delta,
    "forward_kl": 1 - exp(-Delta),
    "js_divergence": log(2) + log_sigma(Delta),
    "alpha_divergence": (exp((alpha - 1) * Delta) - 1) / (alpha - 1),
}

# Their derivatives, in the form that reads best. A build refuses one that is not the derivative of the expression above.
GRADIENTS = {
    "sigmoid": {m: -beta * sigma(-beta * m)},
    "hinge": {m: -beta * step(1 - beta * m)},
    "ipo": {
        s_w: 2 / n_w * (s_w / n_w - s_l / n_l - 1 / (2 * beta)),
        s_l: -2 / n_l * (s_w / n_w - s_l / n_l - 1 / (2 * beta)),
    },
    "exo_pair": {m: beta * sigma(beta * m) * sigma(-beta * m) * (beta * m - log((1 - epsilon) / epsilon))},
    "nca_pair": {
        Delta_w: beta * (Rational(3, 2) * sigma(beta * Delta_w) - 1),
        Delta_l: Rational(1, 2) * beta * sigma(beta * Delta_l),
    },
    "robust": {m: -beta * (sigma(-beta * m) + epsilon / (1 - 2 * epsilon))},
    "bco_pair": {Delta_w: -beta * sigma(-beta * Delta_w), Delta_l: beta * sigma(beta * Delta_l)},
    "sppo_hard": {Delta_w: 2 * (Delta_w - 1 / (2 * beta)), Delta_l: 2 * (Delta_l + 1 / (2 * beta))},
    "aot": {d_i: -beta * (sigma(-beta * d_i) - epsilon)},
    "aot_unpaired": {d_i: -beta * (sigma(-beta * d_i) - epsilon)},
    "apo_zero": {
        Delta_w: -beta * sigma(beta * Delta_w) * sigma(-beta * Delta_w),
        Delta_l: beta * sigma(beta * Delta_l) * sigma(-beta * Delta_l),
    },
    "apo_down": {
        Delta_w: beta * sigma(beta * Delta_w) * sigma(-beta * Delta_w)
        - beta * sigma(beta * (Delta_w - Delta_l)) * sigma(-beta * (Delta_w - Delta_l)),
        Delta_l: beta * sigma(beta * (Delta_w - Delta_l)) * sigma(-beta * (Delta_w - Delta_l)),
    },
    "discopop": {
        m: -beta * (1 - sigma(beta * m / tau)) * sigma(-beta * m)
        - beta * sigma(beta * m / tau) * exp(-beta * m)
        + beta / tau * sigma(beta * m / tau) * sigma(-beta * m / tau) * (exp(-beta * m) + log_sigma(beta * m))
    },
    "sigmoid_norm": {
        s_w: -beta / n_w * sigma(-beta * (s_w / n_w - s_l / n_l)),
        s_l: beta / n_l * sigma(-beta * (s_w / n_w - s_l / n_l)),
    },
    "alpha_divergence": {Delta: exp((alpha - 1) * Delta)},
}

# Policy equals reference: every log-ratio and every score is 0.
START = {symbol: 0 for symbol in (m, s_w, s_l, Delta_w, Delta_l, Delta, d_i)}
# The curves move a margin x, half of it gained by the chosen completion and half lost by the rejected one.
PATH = {m: x, s_w: x / 2, s_l: -x / 2, Delta_w: x / 2, Delta_l: -x / 2, Delta: x, d_i: x}
# DPOConfig's defaults, but for epsilon (its default 0 would hide it) and the lengths, which are an example.
VALUES = {beta: 0.1, epsilon: 0.1, tau: 0.05, alpha: 0.5, n_w: 10, n_l: 10}
# --8<-- [end:expressions]

# --8<-- [start:harness]
import math
from collections import defaultdict
from types import SimpleNamespace

import sympy
import torch
from trl import DPOConfig, DPOTrainer

TORCH = {
    "sigma": torch.sigmoid,
    "log_sigma": torch.nn.functional.logsigmoid,
    "relu": torch.relu,
    "step": lambda value: (value > 0).float(),
    "exp": torch.exp,
    "log": math.log,  # only ever of a parameter
}


def trl_loss(policy, reference, mask, squares=None, aux_loss=None, **options):
    """What TRL's own `DPOTrainer._compute_loss` returns for log-probabilities of our choice.

    policy, reference: float[2n, t], log-probability of every token after the first; n chosen rows, then n rejected
    rows; 0 where there is no completion token. mask: int[2n, t + 1], TRL's `completion_mask`. squares: float[2n, t],
    log of the summed squared probabilities. options: fields of `DPOConfig`.
    """
    config = DPOConfig(output_dir="unused", use_cpu=True, **options)
    outputs = SimpleNamespace(
        log_probs=policy,
        log_sum_sq_probs=squares,
        aux_loss=aux_loss,
        entropy=torch.zeros_like(policy),
        mean_logits=torch.zeros_like(policy),
        is_top1=torch.zeros_like(policy, dtype=torch.bool),
    )
    model = torch.nn.Module()
    model.is_gradient_checkpointing = False
    trainer = SimpleNamespace(
        model=model,
        args=config,
        beta=config.beta,
        loss_types=config.loss_type,
        loss_weights=config.loss_weights or [1.0] * len(config.loss_type),
        label_smoothing=config.label_smoothing,
        ld_alpha=config.ld_alpha,
        f_divergence_type=config.f_divergence_type,
        f_alpha_divergence_coef=config.f_alpha_divergence_coef,
        use_weighting=config.use_weighting,
        router_aux_loss_coef=config.router_aux_loss_coef,
        aux_loss_enabled=aux_loss is not None,
        precompute_ref_logps=False,
        ref_model=lambda **inputs: SimpleNamespace(log_probs=reference),
        accelerator=SimpleNamespace(device="cpu", gather=lambda t: t, gather_for_metrics=lambda t: t),
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )
    batch = {"input_ids": mask, "attention_mask": torch.ones_like(mask), "completion_mask": mask}
    return DPOTrainer._compute_loss(trainer, lambda **inputs: outputs, batch, return_outputs=False)


def make_pairs(n, seed=0, prompt=2, longest=6):
    """Random log-probabilities of n pairs, as TRL lays them out: policy, reference float[2n, t], mask int[2n, t + 1]."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (2 * n, 1), generator=generator)
    position = torch.arange(prompt + longest)
    mask = ((position >= prompt) & (position < prompt + lengths)).long()
    policy, reference = -3 * torch.rand(2, 2 * n, prompt + longest - 1, generator=generator) * mask[:, 1:]
    return policy, reference, mask


def evaluate(expression, values):
    """The expression on torch tensors, in their own precision. values: symbol -> tensor or float."""
    return sympy.lambdify(list(values), expression, modules=[TORCH])(*values.values())


def prove(loss, n=6, betas=(0.02, 0.1, 0.5, 2.0), **options):
    """Assert that the symbol and TRL agree on random pairs: loss of each pair, and gradient of each completion.

    loss: a name in LOSSES. options: DPOConfig fields. Prints what was compared; raises AssertionError on a difference
    above 1e-6 (relative where values are large), in float32.
    """
    score = SCORES[options.get("f_divergence_type", "reverse_kl")]
    expression = LOSSES[loss].subs(m, s_w - s_l).subs(d_i, s_w - s_l)  # a batch of one pair has nothing to sort
    expression = expression.subs({s_w: score.subs(Delta, Delta_w), s_l: score.subs(Delta, Delta_l)})
    for seed, value in enumerate(betas):
        policy, reference, mask = make_pairs(n, seed)
        policy.requires_grad_()
        rows = [[i, n + i] for i in range(n)]  # chosen and rejected of one pair
        config = {"loss_type": loss, "beta": value, **options}
        theirs = torch.stack([trl_loss(policy[row], reference[row], mask[row], **config) for row in rows])
        (slopes,) = torch.autograd.grad(theirs.sum(), policy)
        slopes = slopes[:, 1]  # the first completion token: all tokens of a completion have the same slope

        chosen, rejected = (policy.detach().sum(dim=1) - reference.sum(dim=1)).chunk(2)
        chosen_length, rejected_length = mask.sum(dim=1).chunk(2)
        at = {Delta_w: chosen, Delta_l: rejected, n_w: chosen_length, n_l: rejected_length, beta: value}
        at |= {epsilon: options.get("label_smoothing", 0.0), tau: options.get("discopop_tau", VALUES[tau])}
        at |= {alpha: options.get("f_alpha_divergence_coef", VALUES[alpha])}
        ours = evaluate(expression, at)
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-6)
        for symbol, slope in zip((Delta_w, Delta_l), slopes.chunk(2), strict=True):
            torch.testing.assert_close(evaluate(expression.diff(symbol), at), slope, rtol=1e-6, atol=1e-6)
        start = trl_loss(reference, reference, mask, **config)
        torch.testing.assert_close(float(evaluate(expression.subs(START), at)), start.item(), rtol=1e-6, atol=1e-6)
    settings = "".join(f", {option}={value}" for option, value in options.items())
    print(f"{loss}{settings}: symbol and TRL agree on {n} pairs for each beta of {betas}")


# --8<-- [end:harness]
