"""Two samples compared: one question for test, probability, difference and intervals, diverged trials in all."""

import math

import numpy as np
import pytest

from das_hpo.analysis.statistics import Trials, compare, compare_all, holm, probability_of_improvement
from spaces.errors import InvalidValueError

RNG = np.random.default_rng(21)
A = RNG.normal(21, 1.5, 20)
B = RNG.normal(20, 1.5, 20)


def test_holm_by_hand() -> None:
    """0.01, 0.04, 0.03 become 0.03, 0.06, 0.06; NaN stays and counts for nothing."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.02, math.nan, 0.04])
    assert [corrected[0], corrected[2]] == pytest.approx([0.04, 0.04])
    assert math.isnan(corrected[1])
    assert holm([]) == []


def test_probability_of_improvement_by_hand() -> None:
    """1, 3 against 2, 3: wins 3>2, tie 3=3: (1 + 1/2) / 4; a diverged trial loses, two tie."""
    assert probability_of_improvement([1, 3], [2, 3])[0] == pytest.approx(1.5 / 4)
    assert probability_of_improvement([None, 3], [2, 1])[0] == pytest.approx(0.5)
    assert probability_of_improvement([None], [None])[0] == 0.5
    value, interval = probability_of_improvement([], [1])
    assert math.isnan(value)
    assert not interval.defined


def test_a_against_b_mirrors_b_against_a() -> None:
    """Whichever comes first: the same p, and differences of the other sign."""
    one, other = compare(Trials("A", A), Trials("B", B)), compare(Trials("B", B), Trials("A", A))
    assert other.p_value == pytest.approx(one.p_value)
    assert other.direction == -one.direction == -1
    assert other.difference == pytest.approx(-one.difference)
    bounds, mirrored = one.difference_interval, other.difference_interval
    assert (mirrored.low, mirrored.high) == pytest.approx((-bounds.high, -bounds.low))
    assert other.medians == one.medians[::-1]


def test_diverged_trials_are_in_test_and_number_alike() -> None:
    """A is a little better where it ends, but diverges far more often: no number says that it is the better."""
    rng = np.random.default_rng(4)
    a = [*rng.normal(21, 0.1, 25), *[None] * 50]
    b = rng.normal(20, 0.1, 75)
    found = compare(Trials("A", a), Trials("B", b))
    assert found.p_value < 0.05
    assert found.direction == -1
    assert found.improvement < 0.5
    assert found.improvement_interval.high <= 0.5
    assert found.difference == -math.inf
    assert found.difference_interval.high < 0
    assert found.medians == (-math.inf, pytest.approx(20, abs=0.1))
    assert found.trials == (75, 75)


def test_nested_seeds_are_all_used() -> None:
    """5 against 75 trials that share seeds, 18 against 22 dB: decided, where five pairs alone could not decide."""
    rng = np.random.default_rng(8)
    few, many = rng.normal(18, 1, 5), rng.normal(22, 1, 75)
    found = compare(Trials("few", few, range(5)), Trials("many", many, range(75)))
    assert found.pairs == 0
    assert found.p_value < 0.001
    assert found.difference == pytest.approx(-4, abs=2)
    assert found.difference_interval.high < -2
    partly = compare(Trials("A", many[:30], range(30)), Trials("B", many + 1, range(20, 95)))
    assert (partly.pairs, partly.trials) == (10, (30, 75))


def test_pairs_are_used_where_there_are_enough() -> None:
    """The seeds carry most of the spread: pairs tell a small difference that unpaired trials cannot."""
    rng = np.random.default_rng(3)
    common = rng.normal(20, 2, 40)
    a, b = common + 0.3 + rng.normal(0, 0.1, 40), common + rng.normal(0, 0.1, 40)
    order = rng.permutation(40)
    paired = compare(Trials("A", a, range(40)), Trials("B", b[order], [int(seed) for seed in order]))
    loose = compare(Trials("A", a), Trials("B", b))
    assert paired.pairs == 40
    assert paired.p_value < 0.001 < 0.2 < loose.p_value
    assert paired.difference == pytest.approx(loose.difference)
    assert 0.3 in paired.difference_interval
    width = paired.difference_interval.high - paired.difference_interval.low
    assert width < (loose.difference_interval.high - loose.difference_interval.low) / 4


@pytest.mark.parametrize("seeds", [[10, 10, *range(2, 20)], None])
def test_seeds_that_name_no_pair(seeds: list[int] | None) -> None:
    """A seed that occurs twice, or none at all."""
    assert compare(Trials("A", A, seeds), Trials("B", B, range(20))).pairs == 0


def test_one_seed_a_trial() -> None:
    """Else the sample is refused."""
    with pytest.raises(InvalidValueError, match="3 trials and 1 seeds"):
        compare(Trials("F", [1.0, 2.0, 3.0], [1]), Trials("A", A, range(20)))


def test_all_pairs_are_corrected_together() -> None:
    """Three samples make three comparisons; Holm over the three; an empty sample does not count."""
    samples = [Trials("A", A), Trials("B", B), Trials("C", A + 5), Trials("none", [])]
    compared = compare_all(samples)
    assert [(c.first, c.second) for c in compared][:3] == [("A", "B"), ("A", "C"), ("A", "none")]
    real = [c for c in compared if not math.isnan(c.p_value)]
    assert len(real) == 3
    assert [c.p_holm for c in real] == pytest.approx(holm([c.p_value for c in real]))
    assert compare_all(samples[:1]) == []


@pytest.mark.parametrize("seed", range(40))
def test_test_and_intervals_never_contradict_each_other(seed: int) -> None:
    """0 is in the difference's interval and 1/2 in the probability's unless the test rejects, ties or not."""
    rng = np.random.default_rng(seed)
    m, n = rng.integers(3, 30, 2)
    a = np.where(rng.random(m) < 0.1 * (seed % 4), np.nan, np.round(rng.normal(0.8, 1 + seed % 3, m), seed % 2))
    b = np.where(rng.random(n) < 0.1, np.nan, np.round(rng.normal(0, 1, n), seed % 2))
    found = compare(Trials("A", a), Trials("B", b))
    bounds = found.difference_interval
    if found.p_value < 0.05:
        assert found.direction == (1 if found.improvement > 0.5 else -1)
        assert bounds.low >= 0 if found.direction > 0 else bounds.high <= 0
    else:
        assert not bounds.defined or 0 in bounds
        assert 0.5 in found.improvement_interval
    assert found.improvement in found.improvement_interval
    assert not bounds.defined or math.isnan(found.difference) or found.difference in bounds


def test_a_p_of_exactly_one_minus_the_level_is_not_significant() -> None:
    """Whatever 1 - level is in floats: 0 stays in the interval, 1/2 in that of the probability."""
    rng = np.random.default_rng(41)
    tried = 0
    for _ in range(20):
        a, b = Trials("A", rng.normal(1.2, 1, 6)), Trials("B", rng.normal(0, 1, 6))
        p_value = compare(a, b).p_value
        if p_value < 0.3:
            tried += 1
            found = compare(a, b, level=1 - p_value)
            assert 0 in found.difference_interval or not found.difference_interval.defined
            assert 0.5 in found.improvement_interval
    assert tried > 5
