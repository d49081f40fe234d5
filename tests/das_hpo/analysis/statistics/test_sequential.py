"""Tests and intervals that hold whenever one stops, against the mixture they come from and simulations of looking.

The long form is ``python -m benchmarks.coverage --only stopping``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from das_hpo.analysis.statistics import Trials, compare, compare_all, decide
from das_hpo.analysis.statistics.samples import FloatArray, rejects
from das_hpo.analysis.statistics.sequential import SCALE, any_time_p, information, nominal_level

#: Sizes at which the simulations look.
LOOKS = (*range(15, 40), *range(40, 100, 5), *range(100, 301, 20))


def mixed(z: float, trials: int) -> float:
    """The e-value, by integrating the likelihood ratio over normal effects with the variance 1 / SCALE."""

    def ratio(effect: float) -> float:
        return math.exp(effect * z * math.sqrt(trials) - effect**2 * trials / 2) * stats.norm.pdf(
            effect, scale=math.sqrt(1 / SCALE)
        )

    return float(integrate.quad(ratio, -6, 6, limit=200)[0])


@pytest.mark.parametrize("trials", [5, 40, 300])
@pytest.mark.parametrize("z", [0.5, 2.0, 3.5])
def test_p_is_one_over_the_mixture(trials: int, z: float) -> None:
    """Robbins' normal mixture in closed form is the integral that it stands for."""
    fixed = 2 * float(stats.norm.sf(z))
    assert any_time_p(fixed, trials, trials) == pytest.approx(min(1.0, 1 / mixed(z, trials)), rel=1e-6)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
@pytest.mark.parametrize("sizes", [(12, 12), (10, 75), (300, 300)])
def test_the_nominal_level_is_the_inverse(level: float, sizes: tuple[int, int]) -> None:
    """A sample of fixed size whose p is 1 - nominal level has the p of 1 - level at any time."""
    nominal = nominal_level(level, *sizes)
    assert nominal > level
    assert any_time_p(1 - nominal, *sizes) == pytest.approx(1 - level, rel=1e-6)


def test_ends_of_the_scale() -> None:
    """No p stays no p, certainty stays certain, and no trial says nothing."""
    assert math.isnan(any_time_p(math.nan, 10, 10))
    assert any_time_p(0.0, 10, 10) == 0.0
    assert any_time_p(1.0, 10, 10) == 1.0
    assert information(0, 5) == 0.0
    assert information(20, 60) == 30.0
    assert nominal_level(0.95, 0, 5) == 0.95


def test_a_random_walk_is_hardly_ever_found_to_drift() -> None:
    """Looked at after each of 1,000 steps, at most 5 % are ever called significant; of fixed-sample tests 50 % are."""
    rng = np.random.default_rng(0)
    n = np.arange(1, 1001)
    z = np.cumsum(rng.normal(size=(2000, 1000)), axis=1) / np.sqrt(n)
    limits = np.array([stats.norm.isf((1 - nominal_level(0.95, k, k)) / 2) for k in n])
    ever = (np.abs(z) > limits).any(axis=1).mean()
    assert 0.01 < ever < 0.05
    assert (np.abs(z[:, 9:]) > 1.96).any(axis=1).mean() > 0.45


def brunner_munzel(a: FloatArray, b: FloatArray) -> FloatArray:
    """Two-sided p of the Brunner-Munzel test of each row, from its definition with ranks."""
    n = a.shape[1]
    together = stats.rankdata(np.concatenate([a, b], axis=1), axis=1)
    means, spreads = [], []
    for part, sample in ((together[:, :n], a), (together[:, n:], b)):
        own = stats.rankdata(sample, axis=1)
        means.append(part.mean(axis=1))
        placed = part - own - (part.mean(axis=1) - (n + 1) / 2)[:, None]
        spreads.append((placed**2).sum(axis=1) / (n - 1))
    total = spreads[0] + spreads[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (means[0] - means[1]) / np.sqrt(total / n) / 2
        degrees = total**2 / ((spreads[0] ** 2 + spreads[1] ** 2) / (n - 1))
    p: FloatArray = 2 * stats.t.sf(np.abs(statistic), np.where(np.isfinite(degrees), degrees, 1.0))
    return np.where(np.isfinite(p), p, 1.0)


POPULATIONS = ("normal", "two kinds", "tied", "spread 5 to 1", "30 % diverge")


def drawn(population: str, rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
    """Samples of [count, 300] of two populations that are equally good; minus infinity for diverged."""
    a, b = rng.normal(size=(2, count, 300))
    if population == "two kinds":
        return a - 10 * (rng.random(a.shape) < 0.3), b - 10 * (rng.random(a.shape) < 0.3)
    if population == "tied":
        return np.round(a), np.round(b)
    if population == "spread 5 to 1":
        return 5 * a, b
    if population == "30 % diverge":
        return tuple(np.where(rng.random(a.shape) < 0.3, -100.0, values) for values in (a, b))  # type: ignore[return-value]
    return a, b


@pytest.mark.parametrize("population", POPULATIONS)
def test_looking_does_not_make_it_wrong(population: str) -> None:
    """Of 1,000 pairs of samples that are equally good, looked at 48 times, 5 % at most are ever told apart."""
    a, b = drawn(population, np.random.default_rng(5), 1000)
    ever, naive = np.zeros(1000, dtype=bool), np.zeros(1000, dtype=bool)
    for n in LOOKS:
        p = brunner_munzel(a[:, :n], b[:, :n])
        ever |= p < 1 - nominal_level(0.95, n, n)
        naive |= p < 0.05
    assert ever.mean() < 0.05
    assert naive.mean() > 0.2


def test_compare_uses_it() -> None:
    """The p of a sequential sample is that of the fixed one, turned; estimates are the same, intervals wider."""
    rng = np.random.default_rng(1)
    for shift, n in ((0.0, 30), (0.8, 30), (0.8, 90), (2.0, 14)):
        a, b = rng.normal(shift, 1, n), rng.normal(0, 1, n)
        fixed = compare(Trials("a", a), Trials("b", b))
        found = compare(Trials("a", a, sequential=True), Trials("b", b))
        assert found.test == "brunner-munzel, any time"
        assert (found.sequential, fixed.sequential) == (True, False)
        assert found.p_value == pytest.approx(any_time_p(fixed.p_value, n, n))
        if n >= 15:
            assert fixed.p_value == pytest.approx(float(brunner_munzel(a[None], b[None])[0]))
        assert (found.difference, found.improvement) == (fixed.difference, fixed.improvement)
        for narrow, wide in (
            (fixed.difference_interval, found.difference_interval),
            (fixed.improvement_interval, found.improvement_interval),
        ):
            assert wide.level == 0.95
            assert wide.low <= narrow.low < narrow.high < wide.high
        assert (0 not in found.difference_interval) == rejects(found.p_value, 0.95)
        chance = found.improvement_interval
        assert (not chance.low < 0.5 < chance.high) == rejects(found.p_value, 0.95)


def test_several_questions_are_decided_together() -> None:
    """The intervals of three comparisons are each at a third of 1 - level; fixed samples keep theirs."""
    rng = np.random.default_rng(2)
    values = [rng.normal(0, 0.3, 40) for _ in range(3)]
    samples = [Trials(name, sample, sequential=True) for name, sample in zip("abc", values, strict=True)]
    alone, together = compare(samples[0], samples[1]), compare_all(samples)[0]
    third = compare(samples[0], samples[1], level=1 - 0.05 / 3)
    assert together.difference_interval.low < alone.difference_interval.low
    assert (together.difference_interval.low, together.difference_interval.high) == (
        third.difference_interval.low,
        third.difference_interval.high,
    )
    fixed = [Trials(name, sample) for name, sample in zip("abc", values, strict=True)]
    assert compare_all(fixed)[0].difference_interval == compare(fixed[0], fixed[1]).difference_interval


def test_the_verdict_has_the_margin() -> None:
    """What differs by nothing is as good once there are enough trials, and not at a margin that is too small."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 0.3, 120), rng.normal(0, 0.3, 120)
    found = compare(Trials("a", a, sequential=True), Trials("b", b, sequential=True))
    assert decide(found, 0.25).verdict == "as good"
    assert decide(found, 0.05).verdict == "undecided"
