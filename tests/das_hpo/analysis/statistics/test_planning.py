"""Power by simulation, against formulas and the verdicts of compare."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from das_hpo.analysis.statistics import Trials, compare, decide, planning
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER
from das_hpo.analysis.statistics.differences import rounded
from das_hpo.analysis.statistics.planning import Pilot, PowerCurve, Question, power_curve, until_decided, verdict_of
from das_hpo.analysis.statistics.samples import worst_last
from spaces.errors import InvalidValueError


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer samples, so that it is fast."""
    monkeypatch.setattr(planning, "REPLICATIONS", 150)
    monkeypatch.setattr(planning, "DECISIONS", 60)


def test_verdicts_are_those_of_compare() -> None:
    """With pairs and without, diverged trials among them, of fixed and of sequential samples."""
    rng = np.random.default_rng(3)
    verdicts = set()
    for _ in range(60):
        n, d, sd = int(rng.integers(15, 100)), float(rng.choice([0, 0.25, 0.5])), float(rng.choice([0.2, 1]))
        paired, sequential = bool(rng.integers(2)), bool(rng.integers(2))
        a, b = np.where(rng.random(n) < 0.1, np.nan, rng.normal(d, sd, n)), rng.normal(0, sd, n)
        seeds = range(n) if paired else None
        quick = verdict_of(*rounded(worst_last(a), worst_last(b)), 0.25, paired=paired, sequential=sequential)
        assert quick == decide(compare(Trials("a", a, seeds, sequential), Trials("b", b, seeds)), 0.25).verdict
        verdicts.add(quick)
    assert verdicts >= {"better", "as good", "undecided"}


def test_the_number_of_trials_is_that_of_the_formula() -> None:
    """Noether's (1987) for the Mann-Whitney test: n = (z + z')^2 / (6 (P - 1/2)^2), here 38 a side."""
    probability = float(stats.norm.cdf(0.7 / np.sqrt(2)))
    noether = (1.96 + 0.8416) ** 2 / (6 * (probability - 0.5) ** 2)
    curve = power_curve(Pilot.normal(1.0), Question(0.7, 0.0, BETTER), [0.8], paired=False)
    assert curve.needed(0.8) == pytest.approx(noether, rel=0.2)


def test_pairs_need_fewer() -> None:
    """Trials of equal seed that are correlated tell more; those of an equivalence need its interval within."""
    pilot, question = Pilot.normal(0.5, correlation=0.6), Question(0.0, 0.25, AS_GOOD)
    paired, unpaired = (power_curve(pilot, question, [0.8], paired=each).needed(0.8) for each in (True, False))
    assert paired is not None
    assert unpaired is not None
    # Two one-sided tests: n = 2 (sd / margin)^2 (z + z')^2 with the quantiles 1.96 and 1.28 (80 % with two sides).
    assert unpaired == pytest.approx(2 * (0.5 / 0.25) ** 2 * (1.96 + 1.2816) ** 2 * 1.05, rel=0.25)
    assert paired < unpaired


def test_a_pilot_has_no_difference_and_keeps_what_diverged() -> None:
    """The difference of the pilots is taken out; what diverged is drawn, too, and in pairs with its partner."""
    first, second = [22.0, 23.0, None, 24.0], [20.0, 21.0, 22.0, 22.5]
    pilot = Pilot.of(first, second, paired=True)
    a, b = pilot.draw(np.random.default_rng(0), 500, 0.0, paired=True)
    assert {(round(x - y, 6)) for x, y in zip(a, b, strict=True) if np.isfinite(x)} <= {
        round(p - q - 1.5, 6) for p, q in zip([22.0, 23.0, 24.0], [20.0, 21.0, 22.5], strict=True)
    } | {round(float(x), 6) for x in np.unique(a - b) if np.isfinite(x)}
    assert 0.15 < np.isinf(a).mean() < 0.35
    assert (b[np.isinf(a)] == 22.0).all()
    with pytest.raises(InvalidValueError, match="trials that did not diverge"):
        Pilot.of([None, None])
    with pytest.raises(InvalidValueError, match="so many trials of one diverge"):
        Pilot.of([None, None, None, 20.0], [20.0, 21.0])


def test_power_between_two_sizes() -> None:
    """By the normal quantile in the root of the number; None where no size has it."""
    curve = PowerCurve((20, 40, 80), (0.5, 0.7, 0.9))
    assert curve.needed(0.5) == 20
    assert curve.needed(0.7) == 40
    assert 40 < (curve.needed(0.8) or 0) < 80
    assert curve.needed(0.95) is None


def test_until_decided_ends_early_or_late() -> None:
    """A large difference is found early; where there is none and no margin, all ends at the most trials."""
    looks = (12, 15, 20, 30)
    large = until_decided(Pilot.normal(1.0), Question(3.0, 0.0, BETTER), looks, paired=False)
    assert (large.right, large.undecided) == (1.0, 0.0)
    assert large.trials < 16
    none = until_decided(Pilot.normal(1.0), Question(0.0, 0.0, AS_GOOD), looks, paired=False)
    assert none.undecided > 0.93
    assert none.trials > 28
