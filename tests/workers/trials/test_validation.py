"""PSNR and validation."""

import math

import pytest
import torch

from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.networks import discrete_network
from workers.trials.batches import Batches
from workers.trials.validation import psnr, sample_errors, validate


def slow_psnr(x_hat: list[list[float]], x: list[list[float]]) -> float:
    """The mean over samples of 10 log10(1 / mse)."""
    values = []
    for estimate, truth in zip(x_hat, x, strict=True):
        mse = sum((a - b) ** 2 for a, b in zip(estimate, truth, strict=True)) / len(truth)
        values.append(10 * math.log10(1 / mse))
    return sum(values) / len(values)


def test_psnr() -> None:
    """PSNR is averaged over samples after the logarithm, trial by trial."""
    generator = torch.Generator().manual_seed(0)
    x_hat, x = torch.randn(2, 2, 5, 50, generator=generator)
    expected = [slow_psnr(a.tolist(), b.tolist()) for a, b in zip(x_hat, x, strict=True)]
    assert psnr(sample_errors(x_hat, x)).tolist() == pytest.approx(expected, rel=1e-5)


def test_psnr_of_known_errors() -> None:
    """A constant error of 0.1 is 20 dB; no error at all stays finite."""
    x = torch.zeros(1, 3, 50)
    assert float(psnr(sample_errors(x + 0.1, x))) == pytest.approx(20, abs=1e-4)
    assert math.isfinite(float(psnr(sample_errors(x, x))))


def test_validation_takes_19_fresh_batches_without_gradients() -> None:
    """The score is the mean over 19 batches, with the running statistics, which stay as they are."""
    choices = Choices(channels=4, batch_size=8)
    formation = data_formation("blur", choices)
    network = discrete_network(Architecture.uniform("sequential", "noise"), formation, choices)
    modes, scores = [], []
    stream = Batches(formation, [7], "validation", 8, [range(10)], 10, "cpu")
    for batch in stream.draw(19):
        x_hat = network.forward(torch.zeros(1, 0), network.layout.initial_buffers(1), None, batch.y, batch.noise, False)
        scores.append(slow_psnr(x_hat[0].tolist(), batch.x[0].tolist()))

    def forward(*arguments: object) -> torch.Tensor:
        modes.append((arguments[5], torch.is_grad_enabled()))
        return network.forward(*arguments)  # type: ignore[arg-type]

    again = Batches(formation, [7], "validation", 8, [range(10)], 10, "cpu")
    (score,) = validate(forward, torch.zeros(1, 0), network.layout.initial_buffers(1), None, again)
    assert score == pytest.approx(sum(scores) / 19, rel=1e-5)
    assert modes == [(False, False)] * 19
