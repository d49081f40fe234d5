"""Optimisers, learning-rate schedules and the loop that trains the weights of a network.

Everything is per trial: parameters are [T, ...], rates and decays [T]. The optimisers are torch's Adam and SGD
with L2 decay; torch.optim itself takes one rate for all trials and imports the compiler stack (3 s).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.layout import Buffers, Layout
from spaces.inverse_1d.network import Forward
from spaces.inverse_1d.trial import BATCHES_PER_EPOCH, InverseTrial
from workers.trials.batches import Batch, Batches, generators
from workers.trials.cuda_graphs import replayed
from workers.trials.curves import Meter
from workers.trials.gradients import weight_gradient
from workers.trials.group import TrialGroup

#: Adam's decay rates and epsilon: torch.optim.Adam's defaults.
BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8

#: Where the scheduler ``step`` multiplies the rate by 0.1.
MILESTONES = (3 / 8, 5 / 8, 7 / 8)

#: The warm-up ``gradual``: how much the rate has grown after how many epochs.
GRADUAL_FACTOR = 10.0
GRADUAL_EPOCHS = 10


def _per_trial(values: Float[Tensor, " T"], like: Float[Tensor, "T ..."]) -> Float[Tensor, "T ..."]:
    """Values [T] as [T, 1, ...], so that they can be multiplied by a tensor of the shape of ``like``."""
    return values.view(-1, *[1] * (like.dim() - 1))


class Adam:
    """Adam with L2 decay added to the gradient, as torch.optim.Adam does it; a rate for each trial."""

    def __init__(self, parameter: Float[Tensor, " T *P"]) -> None:
        self._mean = torch.zeros_like(parameter)
        self._square = torch.zeros_like(parameter)
        # A tensor, so that a CUDA graph counts too; float64, since 1 - 0.999**t cancels.
        self._count = torch.zeros((), dtype=torch.float64, device=parameter.device)
        self._steps = 0
        self._fused: Callable[..., None] | None = None
        if parameter.device.type == "cpu" and parameter.dtype == torch.float32:
            from workers.kernels.adam import adam_step

            self._fused = adam_step

    def step(
        self,
        parameter: Float[Tensor, " T *P"],
        gradient: Float[Tensor, " T *P"],
        rate: Float[Tensor, " T"],
        decay: Float[Tensor, " T"],
    ) -> None:
        """Changes ``parameter`` in place; each trial has its ``rate`` and ``decay``."""
        if self._fused is not None:
            self._steps += 1
            self._fused(parameter, gradient, self._mean, self._square, rate, decay, self._steps, BETAS, ADAM_EPSILON)
            return
        self._count += 1
        gradient = torch.addcmul(gradient, parameter, _per_trial(decay, parameter))
        self._mean.lerp_(gradient, 1 - BETAS[0])
        self._square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        root = self._square.sqrt().div_((1 - BETAS[1] ** self._count).sqrt()).add_(ADAM_EPSILON)
        size = rate / (1 - BETAS[0] ** self._count)
        parameter.sub_(_per_trial(size, parameter) * self._mean / root)


class GradientDescent:
    """Plain gradient descent with L2 decay, no momentum; a rate for each trial."""

    def step(
        self,
        parameter: Float[Tensor, " T *P"],
        gradient: Float[Tensor, " T *P"],
        rate: Float[Tensor, " T"],
        decay: Float[Tensor, " T"],
    ) -> None:
        """Changes ``parameter`` in place; each trial has its ``rate`` and ``decay``."""
        gradient = torch.addcmul(gradient, parameter, _per_trial(decay, parameter))
        parameter.sub_(_per_trial(rate, parameter) * gradient)


class PerTrial:
    """Adam for some trials of a batch and gradient descent for the others.

    Each optimiser sees all trials, with a rate of 0 for those of the other, so nothing is gathered or scattered.
    """

    def __init__(self, parameter: Float[Tensor, " T *P"], names: Sequence[str]) -> None:
        self._optimizers: list[tuple[Adam | GradientDescent, Tensor]] = []
        for name in sorted(set(names)):
            optimizer = Adam(parameter) if name == "adam" else GradientDescent()
            mask = torch.tensor([float(name == other) for other in names], device=parameter.device)
            self._optimizers.append((optimizer, mask))

    def step(
        self,
        parameter: Float[Tensor, " T *P"],
        gradient: Float[Tensor, " T *P"],
        rate: Float[Tensor, " T"],
        decay: Float[Tensor, " T"],
    ) -> None:
        """Changes ``parameter`` in place; each trial has its ``rate`` and ``decay``."""
        for optimizer, mask in self._optimizers:
            optimizer.step(parameter, gradient, rate * mask, decay)


def warm_up(choices: Choices, steps: int) -> Float64[Tensor, " S"]:
    """The factor a warm-up puts on the rate at each step.

    ``fraction``: linear from 0 over the first ``warm_up_fraction`` of the steps (step s of w has (s + 1) / w).
    ``gradual``: linear from 1 to 10 over the first 10 epochs, and 10 from there on.
    """
    step = torch.arange(steps, dtype=torch.float64)
    if choices.warm_up == "fraction":
        length = max(1, round(choices.warm_up_fraction * steps))
        return ((step + 1) / length).clamp_max(1.0)
    length = GRADUAL_EPOCHS * BATCHES_PER_EPOCH
    return 1 + (GRADUAL_FACTOR - 1) * (step / length).clamp_max(1.0)


def linear_scheduler(choices: Choices, steps: int) -> Float64[Tensor, " S"]:
    """The factor ``alpha_scheduler=linear`` puts on the rate at each step.

    ``linear``: 1 - s / S. ``step``: times 0.1 at 3/8, 5/8 and 7/8 of the steps.
    """
    progress = torch.arange(steps, dtype=torch.float64) / steps
    if choices.scheduler == "linear":
        return 1 - progress
    passed = sum((progress >= milestone).double() for milestone in MILESTONES)
    return torch.as_tensor(0.1, dtype=torch.float64) ** passed


def weight_rates(specs: Sequence[InverseTrial], device: str) -> Float32[Tensor, "S T"]:
    """The weights' learning rate at each step: constant, warmed up where asked."""
    columns = []
    for spec in specs:
        rate = torch.full((spec.steps,), spec.hyperparameters.parameter_learning_rate, dtype=torch.float64)
        columns.append(rate * warm_up(spec.choices, spec.steps) if spec.hyperparameters.parameter_warm_up else rate)
    return torch.stack(columns, dim=1).to(device, torch.float32)


def alpha_rates(specs: Sequence[InverseTrial], device: str) -> Float32[Tensor, "S T"]:
    """Alpha's learning rate at each step: scheduled and warmed up where asked."""
    columns = []
    for spec in specs:
        rate = torch.full((spec.steps,), spec.hyperparameters.alpha_learning_rate, dtype=torch.float64)
        if spec.hyperparameters.alpha_scheduler == "linear":
            rate = rate * linear_scheduler(spec.choices, spec.steps)
        if spec.hyperparameters.alpha_warm_up:
            rate = rate * warm_up(spec.choices, spec.steps)
        columns.append(rate)
    return torch.stack(columns, dim=1).to(device, torch.float32)


def decays(specs: Sequence[InverseTrial], name: str, device: str) -> Float32[Tensor, " T"]:
    """The hyperparameter of that name, of each trial."""
    return torch.tensor([getattr(spec.hyperparameters, name) for spec in specs], device=device)


def epoch_lengths(steps: int) -> Iterator[int]:
    """The number of steps of each epoch: 19, and the remaining ones in the last epoch."""
    for start in range(0, steps, BATCHES_PER_EPOCH):
        yield min(BATCHES_PER_EPOCH, steps - start)


def train(
    group: TrialGroup,
    layout: Layout,
    forward: Forward,
    weights: Float[Tensor, "T P"],
    mix: Float[Tensor, "T E O"] | None,
    batches: Batches,
    phase: str,
) -> Buffers:
    """Trains the weights in place with Adam, from fresh batch-norm statistics, over the trials' budget.

    Args:
        group: The trials; those that diverge are marked in its curves.
        layout: The network's.
        forward: The network's forward pass.
        weights: Where the training begins.
        mix: Constant mixing weights; None for a discrete network.
        batches: The training samples.
        phase: What the learning curves call this training.

    Returns:
        The running statistics of batch norm.
    """
    specs, device = group.specs, group.device
    buffers = layout.initial_buffers(len(specs), device)
    optimizer = Adam(weights)
    rates, decay = weight_rates(specs, device), decays(specs, "parameter_weight_decay", device)
    scale = group.choices.loss_scale

    def weight_step(batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        errors, gradient = weight_gradient(forward, weights, buffers, mix, batch, scale)
        if gradient is not None:
            optimizer.step(weights, gradient, rate, decay)
        return errors

    take_step = replayed(weight_step, device)
    step = 0
    for epoch, length in enumerate(epoch_lengths(group.steps), start=1):
        meter = Meter(len(group), device)
        for batch in batches.draw(length):
            errors = take_step(batch, rates[step])
            meter.add(scale * errors.mean(dim=1), errors)
            step += 1
        group.curves.add(phase, epoch, training=meter)
        if group.curves.all_diverged:
            break
    return buffers


def initial_weights(specs: Sequence[InverseTrial], layout: Layout, name: str, device: str) -> Float[Tensor, "T P"]:
    """The weights every trial starts from; drawn on the CPU, so that every device starts alike."""
    seeds = [spec.seed for spec in specs]
    return layout.initial_weights(generators(seeds, "cpu", name)).to(device)
