"""Densities against statsmodels', samples against scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from das_hpo.optimisers.kde import Floats, Integers, ProductKernel, bounded, normal_reference, truncated_normal


def mixed(generator: np.random.Generator, count: int, levels: Integers) -> Floats:
    """Uniform points; each choice of a categorical dimension occurs, where there are enough points."""
    points = generator.random((count, len(levels)))
    for dimension in np.flatnonzero(levels):
        points[:, dimension] = generator.permutation(np.arange(count) % levels[dimension])
    return points


@hypothesis_settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    levels=st.lists(st.sampled_from([0, 0, 2, 3, 7]), min_size=1, max_size=8),
    count=st.integers(12, 700),
)
def test_density_equals_statsmodels(seed: int, levels: list[int], count: int) -> None:
    """Bandwidths and densities agree to 1e-12 with the reference that evaluates one point at a time."""
    generator = np.random.default_rng(seed)
    kinds = np.array(levels, dtype=np.int64)
    data = mixed(generator, count, kinds)
    points = mixed(generator, 9, kinds)
    reference = KDEMultivariate(
        data, "".join("u" if level else "c" for level in levels), bw="normal_reference", rng=generator
    )
    kernel = ProductKernel(data, normal_reference(data), kinds)
    np.testing.assert_allclose(kernel.bw, reference.bw, rtol=1e-12)
    np.testing.assert_allclose(kernel.density(points), np.atleast_1d(reference.pdf(points)), rtol=1e-12)


def test_density_over_all_choices_is_one() -> None:
    """With capped bandwidths the density over categories is a probability, also of choices never observed."""
    levels = np.array([12, 3])
    data = np.array([[0.0, 1.0], [11.0, 1.0], [5.0, 1.0], [11.0, 1.0]])
    kernel = ProductKernel(data, bounded(normal_reference(data), levels, 1e-3), levels)
    every = np.array([[one, other] for one in range(12) for other in range(3)], dtype=float)
    density = kernel.density(every)
    assert np.all(density > 0)
    assert density.sum() == pytest.approx(1, abs=1e-12)


def test_bandwidths_are_bounded() -> None:
    """At least the least, at most (k - 1) / k where there are k choices, unbounded where continuous."""
    found = bounded(np.array([0.0, 5.0, 3.08, 0.7, 0.9]), np.array([0, 0, 12, 2, 1]), 1e-3)
    np.testing.assert_allclose(found, [1e-3, 5.0, 11 / 12, 0.5, 0.0])


@pytest.mark.parametrize("mean", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("deviation", [0.003, 0.4, 5.0])
def test_truncated_normal_is_scipys(mean: float, deviation: float) -> None:
    """Kolmogorov and Smirnov cannot tell the samples from the truncated normal distribution."""
    uniform = np.random.default_rng(1).random(4000)
    drawn = truncated_normal(np.full(4000, mean), deviation, uniform)
    assert 0 <= drawn.min() <= drawn.max() <= 1
    expected = stats.truncnorm(-mean / deviation, (1 - mean) / deviation, loc=mean, scale=deviation)
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-3


def test_samples_keep_categories_as_bohb_does() -> None:
    """A category stays with probability 1 - bandwidth and is drawn among all choices otherwise."""
    levels = np.array([4, 0])
    data = np.array([[2.0, 0.5]] * 3)
    kernel = ProductKernel(data, np.array([0.6, 0.1]), levels)
    drawn = kernel.sample(20000, 3.0, np.random.default_rng(2))
    counts = np.bincount(drawn[:, 0].astype(int), minlength=4)
    expected = 20000 * np.array([0.15, 0.15, 0.55, 0.15])
    assert stats.chisquare(counts, expected).pvalue > 1e-3
    assert stats.kstest(drawn[:, 1], stats.truncnorm(-0.5 / 0.3, 0.5 / 0.3, loc=0.5, scale=0.3).cdf).pvalue > 1e-3
