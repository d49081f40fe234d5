"""The kernels' stream of normal numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from workers.kernels.noise import CHUNK, NormalStream


def drawn(seed: int, count: int) -> np.ndarray:
    """The first numbers of a stream."""
    out = torch.full((count,), float("nan"))
    NormalStream(seed).fill(out)
    return out.double().numpy()


def test_numbers_are_normal() -> None:
    """Moments, tails and distribution of a million numbers are those of the standard normal distribution."""
    numbers = drawn(7, 1_000_000)
    assert abs(numbers.mean()) < 4e-3
    assert abs(numbers.std() - 1) < 3e-3
    assert abs(stats.skew(numbers)) < 0.01
    assert abs(stats.kurtosis(numbers)) < 0.02
    assert stats.kstest(numbers, "norm").pvalue > 1e-3
    for bound in (2.0, 3.0, 4.0):
        expected = 2 * stats.norm.sf(bound) * len(numbers)
        assert abs((abs(numbers) > bound).sum() - expected) < 5 * expected**0.5


@pytest.mark.parametrize("lag", [1, 2, 64, CHUNK, 2 * CHUNK])
def test_numbers_do_not_hang_together(lag: int) -> None:
    """Neither numbers nor their squares correlate with later ones, the two of a Box-Muller pair included."""
    numbers = drawn(8, 400_000)
    for values in (numbers, numbers**2):
        assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 0.008


def test_streams_of_seeds() -> None:
    """Equal seeds give equal numbers, other seeds unrelated ones; a stream goes on where it was."""
    first, again, other = drawn(1, 5000), drawn(1, 5000), drawn(2, 5000)
    assert (first == again).all()
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.07
    stream = NormalStream(1)
    parts = torch.empty(2, 2 * CHUNK)
    for part in parts:
        stream.fill(part)
    assert (parts.view(-1).double().numpy() == first[: 4 * CHUNK]).all()


@pytest.mark.parametrize("count", [0, 1, 1023, 1025])
def test_any_length(count: int) -> None:
    """Every number is drawn, none beyond."""
    assert np.isfinite(drawn(3, count)).all()
