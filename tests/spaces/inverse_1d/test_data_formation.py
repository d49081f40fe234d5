"""Data formations and signals against formulas written out here."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.errors import UnknownNameError
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import (
    POSITIONS,
    axis,
    blur_taps,
    data_formation,
    draw_measurements,
    draw_signals,
)

NAMES = ("blur", "downsampling")


def slow_blur(x: list[float], sigma: float) -> list[float]:
    """The 7-tap Gaussian blur with zero padding, one multiplication at a time."""
    spacing = math.pi / (POSITIONS - 1)
    taps = [math.exp(-((offset * spacing) ** 2) / (2 * sigma**2)) for offset in range(-3, 4)]
    blurred = []
    for n in range(len(x)):
        value = 0.0
        for offset in range(-3, 4):
            if 0 <= n + offset < len(x):
                value += taps[offset + 3] / sum(taps) * x[n + offset]
        blurred.append(value)
    return blurred


def random_signals(seed: int, *shape: int) -> torch.Tensor:
    """Normal numbers from a generator of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_blur_is_the_gaussian_convolution() -> None:
    """A of blur is the convolution with seven Gaussian taps and zeros outside."""
    x = random_signals(0, POSITIONS)
    expected = torch.tensor(slow_blur(x.tolist(), sigma=0.2))
    torch.testing.assert_close(data_formation("blur").A(x), expected)


def test_downsampling_keeps_every_fourth_blurred_sample() -> None:
    """A of downsampling is the blur followed by samples 0, 4, 8, ..., 48."""
    x = random_signals(1, POSITIONS)
    expected = torch.tensor(slow_blur(x.tolist(), sigma=0.2)[::4])
    measured = data_formation("downsampling").A(x)
    assert measured.shape == (13,)
    torch.testing.assert_close(measured, expected)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), sigma=st.floats(0.02, 2.0), unit=st.sampled_from(["omega", "samples"]))
def test_adjointness(name: str, seed: int, sigma: float, unit: str) -> None:
    """<A x, y> = <x, A'y> for every blur."""
    formation = data_formation(name, Choices(blur_sigma=sigma, blur_unit=unit))
    x = random_signals(seed, 2, 3, POSITIONS)
    y = random_signals(seed + 1, *formation.A(x).shape)
    left, right = (formation.A(x) * y).sum(), (x * formation.A_adjoint(y)).sum()
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_normal_matrix_is_banded(name: str) -> None:
    """A'A is A_adjoint after A, symmetric, and zero beyond its bandwidth."""
    formation = data_formation(name)
    x = random_signals(2, 4, POSITIONS)
    torch.testing.assert_close(x @ formation.normal_matrix, formation.A_adjoint(formation.A(x)))
    torch.testing.assert_close(formation.normal_matrix, formation.normal_matrix.T)
    rows, columns = torch.nonzero(formation.normal_matrix, as_tuple=True)
    assert int((rows - columns).abs().max()) == formation.bandwidth == 6


def test_blur_unit_of_samples() -> None:
    """A width of 0.2 samples is all but the identity (why the unit is the axis')."""
    assert float(blur_taps(0.2, "samples")[3]) > 0.99999
    assert float(blur_taps(0.2, "omega")[3]) < 0.2


def test_axis_ends_at_half_pi() -> None:
    """The 50 positions are equally spaced and include both ends."""
    omega = axis()
    assert len(omega) == 50
    assert float(omega[0]) == -math.pi / 2
    assert float(omega[-1]) == math.pi / 2
    torch.testing.assert_close(omega.diff(), torch.full((49,), math.pi / 49, dtype=torch.float64))


def test_signals_are_cosines() -> None:
    """Every signal is cos(f w + a) + b: it obeys the cosine's three-term recurrence about its offset."""
    x = draw_signals(torch.Generator().manual_seed(3), 2, 64).double()
    assert x.shape == (2, 64, POSITIONS)
    # d_n = x_{n+1} - x_n obeys d_{n+1} + d_{n-1} = 2 cos(f h) d_n: one factor explains all positions.
    d = x.diff(dim=2)
    ends, middle = d[..., 2:] + d[..., :-2], d[..., 1:-1]
    factor = (ends * middle).sum(2, keepdim=True) / (middle * middle).sum(2, keepdim=True)
    torch.testing.assert_close(ends, factor * middle, rtol=0, atol=1e-5)


@pytest.mark.parametrize("position", [0, 10, 30, 49])
def test_signals_have_the_papers_distribution(position: int) -> None:
    """Mean and variance at a position are those of the model, in closed form, within five standard errors."""
    count = 20000
    x = draw_signals(torch.Generator().manual_seed(4), 1, count)[0, :, position]
    omega = float(axis()[position])

    def mean_cosine(multiple: int) -> float:
        """The mean of cos(multiple * (f omega + O_x)): a sinc of f's range, damped by O_x's variance."""
        phase = multiple * 2 * math.pi * omega
        return math.exp(-(multiple**2) / 2) * math.sin(phase) / phase

    variance = 1 + (1 + mean_cosine(2)) / 2 - mean_cosine(1) ** 2
    assert abs(float(x.mean()) - mean_cosine(1)) < 5 * math.sqrt(variance / count)
    assert abs(float(x.var()) - variance) < 5 * variance * math.sqrt(2 / count)


def test_measurement_noise_has_its_sigma() -> None:
    """What is added to A x has standard deviation noise_sigma and is new for every sample."""
    formation = data_formation("downsampling", Choices(noise_sigma=0.3))
    x = draw_signals(torch.Generator().manual_seed(5), 10, 500)
    noise = draw_measurements(formation, x, torch.Generator().manual_seed(6)) - formation.A(x)
    assert abs(float(noise.std()) - 0.3) < 0.01
    assert abs(float(noise[0].flatten() @ noise[1].flatten())) / noise[0].numel() < 0.01


def test_signals_depend_on_their_generator_only() -> None:
    """Equal generators draw equal signals, whatever the global random state is."""
    torch.manual_seed(1)
    first = draw_signals(torch.Generator().manual_seed(7), 1, 4)
    torch.manual_seed(2)
    assert torch.equal(first, draw_signals(torch.Generator().manual_seed(7), 1, 4))
    assert not torch.equal(first, draw_signals(torch.Generator().manual_seed(8), 1, 4))


def test_unknown_formation() -> None:
    """An unknown name lists the valid ones."""
    with pytest.raises(UnknownNameError, match=r"unknown data formation 'motion': valid are blur, downsampling"):
        data_formation("motion")
