"""GRPO's losses of one token as symbols, and TRL's own loss and advantages on tensors of our choice.

Knows SymPy and, in the harness, torch and TRL. Does not know how a page is built: a build reads the expressions only,
the page's blocks run all three regions.
"""

from functions import relu, sigma, step

# --8<-- [start:expressions]
from sympy import exp, symbols

d, Delta, x = symbols("d Delta x", real=True)
A, epsilon_low, epsilon_high, delta, tau_pos, tau_neg = symbols(
    "A epsilon_low epsilon_high delta tau_pos tau_neg", positive=True
)

# The loss of one token. d = log pi_theta - log pi_old, so exp(d) is the ratio; Delta is the log-ratio to the reference.
# A is the size of the advantage: `_up` is a token with advantage A, `_down` one with advantage -A.
# relu(a - b) subtracted from a is the smaller of the two; relu(b - a) added to a is the larger.
LOSSES = {
    "clipped_up": -A * (exp(d) - relu(exp(d) - 1 - epsilon_high)),
    "clipped_down": A * (exp(d) + relu(1 - epsilon_low - exp(d))),
    "two_sided_down": A * (exp(d) - relu(exp(d) - delta) + relu(1 - epsilon_low - exp(d))),
    "sapo_up": -4 * A / tau_pos * sigma(tau_pos * (exp(d) - 1)),
    "sapo_down": 4 * A / tau_neg * sigma(tau_neg * (exp(d) - 1)),
    "kl": exp(-Delta) + Delta - 1,
}

# Their derivatives, in the form that reads best. A build refuses one that is not the derivative of the expression above.
GRADIENTS = {
    "clipped_up": {d: -A * exp(d) * (1 - step(exp(d) - 1 - epsilon_high))},
    "clipped_down": {d: A * exp(d) * (1 - step(1 - epsilon_low - exp(d)))},
    "two_sided_down": {d: A * exp(d) * (1 - step(exp(d) - delta) - step(1 - epsilon_low - exp(d)))},
    "sapo_up": {d: -4 * A * exp(d) * sigma(tau_pos * (exp(d) - 1)) * sigma(-tau_pos * (exp(d) - 1))},
    "sapo_down": {d: 4 * A * exp(d) * sigma(tau_neg * (exp(d) - 1)) * sigma(-tau_neg * (exp(d) - 1))},
}

START = {d: 0, Delta: 0}  # policy equals the policy that sampled, and the reference
PATH = {d: x, Delta: x}
VALUES = {A: 1, epsilon_low: 0.2, epsilon_high: 0.2, delta: 2.5, tau_pos: 1.0, tau_neg: 1.05}  # delta: an example
AXIS = ("log-ratio", 2)
# --8<-- [end:expressions]

# --8<-- [start:harness]
from collections import defaultdict, deque
from types import SimpleNamespace

import sympy
import torch
from trl import GRPOConfig, GRPOTrainer

TORCH = {"sigma": torch.sigmoid, "relu": torch.relu, "step": lambda value: (value > 0).float(), "exp": torch.exp}


def stand_in(accumulate=1, training=True, **options):
    """What TRL's methods read of a trainer: one process, no model. options: fields of GRPOConfig. Returns it."""
    options = {"num_generations": 4, "per_device_train_batch_size": 4, "use_vllm": False, **options}
    config = GRPOConfig("unused", use_cpu=True, bf16=False, gradient_accumulation_steps=accumulate, **options)
    model = torch.nn.Module()
    model.train(training)
    model.is_gradient_checkpointing = False
    accelerator = SimpleNamespace(
        device=torch.device("cpu"),
        num_processes=1,
        process_index=0,
        sync_gradients=True,
        gather=lambda t: t,
        gather_for_metrics=lambda t: t,
        reduce=lambda t, reduction: t,
        pad_across_processes=lambda t, dim, pad_index: t,
    )
    trainer = SimpleNamespace(**vars(config))
    trainer.args, trainer.model, trainer.accelerator = config, model, accelerator
    trainer.epsilon_low = config.epsilon
    trainer.epsilon_high = config.epsilon if config.epsilon_high is None else config.epsilon_high
    trainer.current_gradient_accumulation_steps = accumulate
    trainer.aux_loss_enabled, trainer.environment_factories, trainer.ref_model = False, None, model
    trainer.tools, trainer.environments = [], None
    trainer.num_generations_eval = config.num_generations_eval or config.num_generations
    trainer._entropy_bonus_enabled = config.entropy_coef != 0 or config.use_adaptive_entropy
    trainer._last_world_entropy, trainer._entropy_window_stats = float("inf"), None
    trainer._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
    for name in ("get_off_policy_mask", "get_gamma_weights"):
        setattr(trainer, name, getattr(GRPOTrainer, name))
    trainer.get_high_entropy_mask = lambda *inputs: GRPOTrainer.get_high_entropy_mask(trainer, *inputs)
    return trainer


def trl_loss(policy, old, advantages, mask, reference=None, entropy=None, trainer=None, items=None, more=(), **options):
    """What TRL's own `GRPOTrainer._compute_loss` returns for log-probabilities of our choice.

    policy, old, reference, entropy: float[n, t], one number for each token of a completion. advantages: float[n] or
    float[n, t]. mask: int[n, t], 1 on completion tokens. items: tokens in the generation batch (default: in mask).
    more: further entries of the batch. options: fields of GRPOConfig. `trainer` is a `stand_in` to look into later.
    """
    trainer = trainer or stand_in(**options)
    entropy = torch.zeros_like(policy) if entropy is None else entropy
    trainer._get_per_token_logps_and_entropies = lambda *inputs, **more: (policy, entropy, None)
    prompt = torch.ones(len(mask), 1, dtype=torch.long)
    batch = {"prompt_ids": prompt, "prompt_mask": prompt, "completion_ids": mask, "completion_mask": mask}
    batch |= {"advantages": advantages, "num_items_in_batch": mask.sum() if items is None else torch.tensor(items)}
    batch |= {"old_per_token_logps": old, "ref_per_token_logps": reference, **dict(more)}
    return GRPOTrainer._compute_loss(trainer, None, batch)


def trl_scores(rewards, trainer=None, lengths=None, sampled=None, old=None, **options):
    """What TRL's own `_generate_and_score_completions` makes of rewards float[n, number of functions].

    lengths: tokens of each completion (default 2). sampled, old: float lists [n][t], log-probabilities by the sampler
    and by the policy; given, vLLM is said to have sampled. Returns the batch that the loss sees.
    """
    lengths = lengths or [2] * len(rewards)
    if trainer is None:
        options = {"per_device_train_batch_size": len(rewards), "use_vllm": sampled is not None, **options}
        trainer = stand_in(**options)
    trainer.reward_funcs = trainer.reward_func_names = [f"reward_{k}" for k in range(rewards.shape[1])]
    trainer.reward_weights = torch.tensor(trainer.args.reward_weights or [1.0] * rewards.shape[1])
    trainer.eos_token_ids, trainer._tokenizer = [9], SimpleNamespace(pad_token_id=0)
    texts, ids = ["text"] * len(rewards), [[1] * (length - 1) + [9] for length in lengths]
    trainer._generate = lambda prompts: (ids, ids, None, texts, sampled, {}, None, [])
    trainer._calculate_rewards = lambda *inputs: rewards
    trainer._get_per_token_logps_and_entropies = lambda *inputs, **more: (None if old is None else old, None, None)
    trainer._logs = defaultdict(deque, rewards=defaultdict(deque))
    trainer._pending_extra_logs, trainer._pending_metrics = {}, {}
    return GRPOTrainer._generate_and_score_completions(trainer, [{"prompt": "text"}] * len(rewards))


def make_batch(n=4, longest=6, seed=0, spread=0.4):
    """Random policy and old log-probabilities float[n, t], advantages float[n], mask int[n, t]."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, longest + 1, (n, 1), generator=generator)
    mask = (torch.arange(longest) < lengths).long()
    old = -3 * torch.rand(n, longest, generator=generator) * mask
    policy = (old + spread * torch.randn(n, longest, generator=generator) * mask).requires_grad_()
    return policy, old, torch.randn(n, generator=generator), mask


def evaluate(expression, values):
    """The expression on torch tensors, in their own precision. values: symbol -> tensor or float."""
    return sympy.lambdify(list(values), expression, modules=[TORCH])(*values.values())


def prove(name, advantage, **options):
    """Assert that symbol and TRL agree, value and slope, on one token at 41 log-ratios. Prints what was compared."""
    ratios = torch.linspace(-2, 2, 41, dtype=torch.float64)
    values = {A: abs(advantage), epsilon_low: 0.2, epsilon_high: 0.2, delta: 2.5, tau_pos: 1.0, tau_neg: 1.05}
    values |= {symbol: options[symbol.name] for symbol in (delta,) if symbol.name in options}
    for ratio in ratios:
        policy = ratio.reshape(1, 1).clone().requires_grad_()
        one = torch.ones(1, 1, dtype=torch.long)
        theirs = trl_loss(policy, 0 * policy.detach(), torch.tensor([advantage]).double(), one, **options)
        (slope,) = torch.autograd.grad(theirs, policy)
        at = {d: ratio, **values}
        torch.testing.assert_close(evaluate(LOSSES[name], at), theirs.detach(), rtol=1e-5, atol=1e-6)
        if not any((ratio.exp() - kink).abs() < 1e-6 for kink in (0.8, 1.2, values[delta])):
            torch.testing.assert_close(evaluate(LOSSES[name].diff(d), at), slope[0, 0], rtol=1e-5, atol=1e-6)
    settings = "".join(f", {option}={value!r}" for option, value in options.items())
    print(f"{name}{settings}: symbol and TRL agree in value and slope at {len(ratios)} log-ratios")


def equal(ours, theirs, *inputs):
    """Assert that two losses are the same number with the same gradients by the inputs."""
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad(loss, inputs, retain_graph=True) for loss in (ours, theirs)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


# --8<-- [end:harness]
