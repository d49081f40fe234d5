"""Verdicts at a margin: what each interval decides, and how many trials would."""

import math

import numpy as np
import pytest

from das_hpo.analysis.statistics import Comparison, Interval, Trials, compare
from das_hpo.analysis.statistics.decisions import (
    AS_GOOD,
    BETTER,
    UNDECIDED,
    WORSE,
    decide,
    diverges_oftener,
    more_trials,
)
from das_hpo.analysis.statistics.significance import compare_pairs
from spaces.errors import InvalidValueError


def _compared(low: float, high: float, p: float | None = None) -> Comparison:
    p = (0.01 if low > 0 or high < 0 else 0.5) if p is None else p
    bounds = Interval(low, high, 0.95, "brunner-munzel")
    middle = (low + high) / 2
    return Comparison("A", "B", "brunner-munzel", 0, 0, p, p, 0.5, bounds, middle, bounds, 0, (20, 20), (75, 75))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.5, BETTER),
        (-0.5, -0.1, WORSE),
        (-0.1, 0.1, AS_GOOD),
        (-0.04, -0.02, AS_GOOD),
        (0.05, 0.2, AS_GOOD),
        (-0.1, 0.4, UNDECIDED),
        (-2.0, 2.0, UNDECIDED),
        (math.nan, math.nan, UNDECIDED),
        (-math.inf, -1.0, WORSE),
        (-math.inf, 1.0, UNDECIDED),
    ],
)
def test_each_interval_has_its_verdict(low: float, high: float, verdict: str) -> None:
    """At a margin of 0.25; A against B mirrors B against A."""
    mirrored = {BETTER: WORSE, WORSE: BETTER}.get(verdict, verdict)
    assert decide(_compared(low, high)).verdict == verdict
    assert decide(_compared(-high, -low)).verdict == mirrored


def test_not_to_be_worse_is_as_good_where_that_is_the_question() -> None:
    """One side of the margin alone (non-inferiority)."""
    found = decide(_compared(-0.1, 0.4), one_sided=True)
    assert (found.verdict, found.equivalent, found.not_inferior) == (AS_GOOD, False, True)
    assert decide(_compared(-0.4, 0.1), one_sided=True).verdict == UNDECIDED
    assert decide(_compared(0.3, 0.6), one_sided=True).verdict == BETTER


def test_the_corrected_test_decides() -> None:
    """An interval that excludes 0 is not enough where Holm's p does not."""
    assert decide(_compared(0.1, 0.5, p=0.2)).verdict == UNDECIDED


def test_agreement_over_many_pairs_is_as_good() -> None:
    """75 pairs that agree within 0.05 dB, and a sure difference of 0.03 dB: as good, at 0.25 dB."""
    rng = np.random.default_rng(1)
    b = rng.normal(22, 1, 75)
    for shift in (0.0, -0.03):
        a = b + shift + rng.uniform(-0.05, 0.05, 75) * (shift == 0)
        found = compare(Trials("A", a, range(75)), Trials("B", b, range(75)))
        assert decide(found).verdict == AS_GOOD


def test_more_trials_by_hand() -> None:
    """Half width 0.5 at 20 and 20; it has to be 0.4 * 1.96 / 2.80: (0.5 / 0.28)^2 = 3.19 times as many."""
    bounds = Interval(-0.1, 0.9, 0.95, "x")
    assert more_trials(bounds, 0.4, (20, 20)) == pytest.approx(
        20 * (0.5 / (0.4 * 1.959964 / 2.801585)) ** 2 - 20, abs=1
    )
    assert more_trials(Interval(-math.inf, 1, 0.95, "x"), 0.4, (20, 20)) is None
    assert more_trials(Interval(-9e3, 9e3, 0.95, "x"), 0.4, (20, 20)) is None
    assert decide(_compared(0.1, 0.5)).more_trials == 0


def test_so_many_more_trials_decide() -> None:
    """Twelve against twelve normal trials 0.6 dB apart: with as many more as it says, four in five are decided."""
    rng = np.random.default_rng(3)
    decided = tried = 0
    for _ in range(60):
        a, b = rng.normal(0.6, 1, 12), rng.normal(0, 1, 12)
        found = compare(Trials("A", a), Trials("B", b))
        decision = decide(found)
        if decision.verdict != UNDECIDED or not 0.5 < found.difference < 0.7:
            continue
        more = decision.more_trials
        assert more is not None
        tried += 1
        again = compare(Trials("A", rng.normal(0.6, 1, 12 + more)), Trials("B", rng.normal(0, 1, 12 + more)))
        decided += decide(again).verdict != UNDECIDED
    assert tried >= 8
    assert decided / tried >= 0.6


@pytest.mark.parametrize("margin", [-1.0, math.nan, math.inf])
def test_a_margin_is_not_negative(margin: float) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidValueError, match="from 0 on"):
        decide(_compared(0, 1), margin)


def test_without_a_margin_nothing_is_as_good() -> None:
    """A margin of 0: better, worse or undecided."""
    assert decide(_compared(-0.01, 0.01), 0.0, one_sided=True).verdict == UNDECIDED
    assert decide(_compared(0.01, 0.02), 0.0).verdict == BETTER
    assert decide(_compared(-0.02, -0.01), 0.0).verdict == WORSE


def test_a_p_of_exactly_one_minus_the_level_rejects_nothing() -> None:
    """In floats 1 - 0.95 is a little more than 0.05."""
    assert decide(_compared(0.3, 0.6, p=0.05)).verdict == UNDECIDED
    assert decide(_compared(0.3, 0.6, p=0.0499)).verdict == BETTER


def test_as_good_is_corrected_for_the_number_of_comparisons() -> None:
    """One comparison lies within the margin by a hair; among ten it does not, and its interval is shown unchanged."""
    rng = np.random.default_rng(3)
    a, b = (Trials(name, rng.normal(20, 0.6, 75)) for name in "ab")
    (alone,) = compare_pairs([(a, b)])
    margin = max(-alone.difference_interval.low, alone.difference_interval.high) + 0.01
    assert decide(alone, margin).verdict == AS_GOOD
    among = compare_pairs([(a, b)] * 10)[0]
    assert among.difference_interval == alone.difference_interval
    assert among.family_interval.low < alone.difference_interval.low
    assert decide(among, margin).verdict == UNDECIDED


def test_no_margin_excuses_trials_that_diverge() -> None:
    """Both at 20 dB sure, but a fifth of A's trials diverge: worse or undecided, never as good; the other way round."""
    rng = np.random.default_rng(5)
    a = np.where(np.arange(75) < 15, np.nan, rng.normal(20, 0.05, 75))
    b = rng.normal(20, 0.05, 75)
    for one_sided in (False, True):
        found = decide(compare(Trials("a", a), Trials("b", b)), one_sided=one_sided)
        assert found.verdict in (WORSE, UNDECIDED)
        assert not found.equivalent
        assert not found.not_inferior
    assert diverges_oftener(compare(Trials("a", a), Trials("b", b))) == 1
    assert decide(compare(Trials("b", b), Trials("a", a)), one_sided=True).not_inferior
    few = compare(Trials("a", a[14:]), Trials("b", b[14:]))
    assert diverges_oftener(few) == 0
