"""Optimisers against torch.optim, schedules against closed forms, and the training loop."""

import dataclasses

import pytest
import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.networks import discrete_network
from spaces.inverse_1d.trial import InverseTrial
from workers.trials.batches import Batches
from workers.trials.curves import Curves
from workers.trials.group import TrialGroup
from workers.trials.training import (
    Adam,
    GradientDescent,
    PerTrial,
    alpha_rates,
    epoch_lengths,
    initial_weights,
    linear_scheduler,
    train,
    warm_up,
    weight_rates,
)

RATES = [1e-3, 0.3]
DECAYS = [0.0, 0.1]


def reference(kind: type[torch.optim.Optimizer], start: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """What torch.optim makes of the same gradients, an optimiser for each trial; the rate halves at each step."""
    ends = []
    for trial, (rate, decay) in enumerate(zip(RATES, DECAYS, strict=True)):
        parameter = torch.nn.Parameter(start[trial].clone())
        optimizer = kind([parameter], lr=rate, weight_decay=decay)  # type: ignore[call-arg]
        for step, gradient in enumerate(gradients):
            optimizer.param_groups[0]["lr"] = rate * 0.5**step
            parameter.grad = gradient[trial].clone()
            optimizer.step()
        ends.append(parameter.detach())
    return torch.stack(ends)


def random_numbers(*shape: int) -> torch.Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(2, 7), (2, 3, 4)], ids=["weights", "alpha"])
@pytest.mark.parametrize("name", ["adam", "gradient-descent"])
def test_optimisers_are_torchs(name: str, shape: tuple[int, ...]) -> None:
    """Adam and gradient descent, a rate and decay for each trial, take the steps of torch.optim."""
    start, gradients = random_numbers(*shape), random_numbers(9, *shape)
    parameter = start.clone()
    optimizer = Adam(parameter) if name == "adam" else GradientDescent()
    for step, gradient in enumerate(gradients):
        optimizer.step(parameter, gradient, torch.tensor(RATES) * 0.5**step, torch.tensor(DECAYS))
    kind = torch.optim.Adam if name == "adam" else torch.optim.SGD
    torch.testing.assert_close(parameter, reference(kind, start, gradients), rtol=1e-5, atol=1e-6)


def test_each_trial_has_its_optimiser() -> None:
    """In a mixed batch each trial takes the steps its optimiser takes alone, whatever becomes of the other."""
    start, gradients = random_numbers(2, 3, 4), random_numbers(9, 2, 3, 4)
    gradients[4:, 0] = float("nan")
    parameter = start.clone()
    optimizer = PerTrial(parameter, ["adam", "gradient-descent"])
    alone = start[1:].clone()
    for gradient in gradients:
        optimizer.step(parameter, gradient, torch.tensor(RATES), torch.tensor(DECAYS))
        GradientDescent().step(alone, gradient[1:], torch.tensor(RATES[1:]), torch.tensor(DECAYS[1:]))
    assert torch.equal(parameter[1:], alone)


def test_fraction_warm_up() -> None:
    """The rate rises linearly over the first tenth of the steps, never from exactly 0, and stays."""
    factors = warm_up(Choices(), 950)
    expected = [(step + 1) / 95 if step < 95 else 1.0 for step in range(950)]
    torch.testing.assert_close(factors, torch.tensor(expected, dtype=torch.float64))


def test_gradual_warm_up() -> None:
    """The rate rises linearly from 1x to 10x over 10 epochs, and stays."""
    factors = warm_up(Choices(warm_up="gradual"), 400)
    expected = [1 + 9 * min(1, step / 190) for step in range(400)]
    torch.testing.assert_close(factors, torch.tensor(expected, dtype=torch.float64))


def test_linear_scheduler() -> None:
    """The rate falls linearly towards 0, which it would reach after the last step."""
    factors = linear_scheduler(Choices(), 950)
    torch.testing.assert_close(factors, torch.tensor([1 - step / 950 for step in range(950)], dtype=torch.float64))


def test_step_scheduler() -> None:
    """The rate is multiplied by 0.1 at 3/8, 5/8 and 7/8 of the steps."""
    factors = linear_scheduler(Choices(scheduler="step"), 80)
    expected = [1.0] * 30 + [0.1] * 20 + [0.01] * 20 + [0.001] * 10
    torch.testing.assert_close(factors, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("steps", [1, 2, 9, 10])
@pytest.mark.parametrize("choices", [Choices(), Choices(warm_up="gradual", scheduler="step")], ids=["default", "other"])
def test_schedules_of_few_steps(steps: int, choices: Choices) -> None:
    """The shortest trials have schedules too, and their first step is above 0."""
    for factors in (warm_up(choices, steps), linear_scheduler(choices, steps)):
        assert len(factors) == steps
        assert float(factors[0]) > 0


def test_rates_of_a_batch() -> None:
    """Each column holds its trial's own rate, scheduled and warmed up as its hyperparameters say."""
    point = dataclasses.replace(preset("H1"), parameter_warm_up=False, alpha_warm_up=False, alpha_scheduler="none")
    warm = dataclasses.replace(point, parameter_warm_up=True, alpha_warm_up=True, alpha_scheduler="linear")
    warm = dataclasses.replace(warm, parameter_learning_rate=0.5, alpha_learning_rate=0.25)
    specs = [InverseTrial(point, 10, 0), InverseTrial(warm, 10, 0)]
    weights, alpha = weight_rates(specs, "cpu").double(), alpha_rates(specs, "cpu").double()
    up = torch.tensor([min(1, (step + 1) / 19) for step in range(190)], dtype=torch.float64)
    down = 1 - torch.arange(190, dtype=torch.float64) / 190
    one = torch.ones(190, dtype=torch.float64)
    torch.testing.assert_close(weights, torch.stack([1e-3 * one, 0.5 * up], dim=1))
    torch.testing.assert_close(alpha, torch.stack([1e-3 * one, 0.25 * up * down], dim=1))


@pytest.mark.parametrize(("steps", "lengths"), [(1, [1]), (19, [19]), (20, [19, 1]), (47, [19, 19, 9])])
def test_epoch_lengths(steps: int, lengths: list[int]) -> None:
    """Epochs have 19 steps, the last what is left."""
    assert list(epoch_lengths(steps)) == lengths


def test_training_loop_is_the_plain_one() -> None:
    """Weights, loss curve and statistics are those of a loop with autograd and torch.optim.Adam."""
    choices = Choices(channels=4, batch_size=8, tau=0.1, loss_scale=0.5)
    point = dataclasses.replace(preset("H1"), parameter_learning_rate=0.001, parameter_weight_decay=0.01)
    specs = [InverseTrial(point, 1.2, 3, choices=choices)]
    formation = data_formation("blur", choices)
    # Its gradients are smooth: all-net networks amplify a difference of one rounding a thousandfold in ten steps.
    network = discrete_network(Architecture.uniform("sequential", "learnable-gradient"), formation, choices)

    def batches() -> Batches:
        return Batches(formation, [3], "training", 8, [()], 0, "cpu")

    start = initial_weights(specs, network.layout, "weights", "cpu")
    curves, weights = Curves(1), start.clone()
    group = TrialGroup(specs, formation, curves)
    buffers = train(group, network.layout, network.forward, weights, None, batches(), "retrain")

    parameter, expected = torch.nn.Parameter(start.clone()), network.layout.initial_buffers(1)
    optimizer = torch.optim.Adam([parameter], lr=0.001, weight_decay=0.01)
    stream, losses = batches(), []
    for length in (19, 4):
        for batch in stream.draw(length):
            optimizer.zero_grad()
            loss = 0.5 * torch.nn.functional.mse_loss(
                network.forward(parameter, expected, None, batch.y, None, True), batch.x
            )
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    torch.testing.assert_close(weights, parameter.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(buffers.running_var, expected.running_var, rtol=1e-4, atol=1e-5)
    means = [sum(losses[:19]) / 19, sum(losses[19:]) / 4]
    assert [epoch.training_loss for epoch in curves.epochs[0]] == pytest.approx(means, rel=1e-4)
    assert [(epoch.phase, epoch.epoch) for epoch in curves.epochs[0]] == [("retrain", 1), ("retrain", 2)]
