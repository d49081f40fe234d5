"""Ranks over problems, against slow and published calculations."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest
from scipy import stats

from benchmarks.arena.ranks import critical_difference, problem_ranks, rank_optimizers, shares_won

NAMES = ("a", "b", "c", "d")


def lines(problems: int, seeds: int, shifts: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)) -> pandas.DataFrame:
    """Scores of integers, so that there are ties; the least is the best."""
    rng = np.random.default_rng(1)
    return pandas.DataFrame(
        [
            {"problem": f"p{problem}", "optimizer": name, "seed": seed, "score": float(rng.integers(9)) + shift}
            for problem in range(problems)
            for name, shift in zip(NAMES, shifts, strict=True)
            for seed in range(seeds)
        ]
    )


def test_ranks_and_shares_are_those_of_a_slow_calculation() -> None:
    """One plus the number of better ones and half of the equal ones; shares run by run."""
    frame = lines(7, 5)
    rows = frame.to_dict("records")
    ranks, shares = problem_ranks(frame), shares_won(frame, "a")
    for problem in {row["problem"] for row in rows}:
        scores = {
            name: [row["score"] for row in rows if row["problem"] == problem and row["optimizer"] == name]
            for name in NAMES
        }
        medians = {name: sorted(values)[2] for name, values in scores.items()}
        for name in NAMES:
            better = sum(other < medians[name] for other in medians.values())
            equal = sum(other == medians[name] for other in medians.values()) - 1
            assert ranks.loc[problem, name] == 1 + better + equal / 2
            won = [(own < other) + (own == other) / 2 for own, other in zip(scores[name], scores["a"], strict=True)]
            assert shares.loc[problem, name] == pytest.approx(sum(won) / 5)


def test_the_critical_difference_is_the_published_one() -> None:
    """Demsar 2006, Table 5 (quantiles) and section 3.2.2 (4 classifiers on 14 data sets: 1.25)."""
    for count, quantile in {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 10: 3.164}.items():
        problems = 24
        expected = quantile * math.sqrt(count * (count + 1) / (6 * problems))
        assert critical_difference(count, problems) == pytest.approx(expected, rel=1e-3)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_friedman_is_the_textbook_formula() -> None:
    """Without ties: chi square of 12 N / (k (k + 1)) times the sum of squares, on k - 1 degrees of freedom."""
    frame = lines(12, 1, (0.0, 0.1, 0.2, 0.3))
    found = rank_optimizers(frame, ["a"])
    mean = problem_ranks(frame).mean().to_numpy()
    statistic = 12 * 12 / (4 * 5) * (float((mean**2).sum()) - 4 * 25 / 4)
    assert found.p_value == pytest.approx(float(stats.chi2.sf(statistic, 3)))
    assert [each.rank for each in found.standings] == sorted(mean)


def test_an_optimiser_that_is_better_everywhere_leads() -> None:
    """Its rank is 1 and all its runs are better, with intervals that hold nothing else."""
    found = rank_optimizers(lines(24, 3, (20.0, 20.0, 0.0, 20.0)), ["a", "nobody"])
    best = found.standings[0]
    assert (best.optimizer, best.rank, best.rank_interval) == ("c", 1.0, (1.0, 1.0))
    assert best.shares == {"a": (1.0, (1.0, 1.0))}
    assert found.lead("c", "a") > found.critical
    assert math.isnan(found.lead("c", "nobody"))
    assert found.p_value < 1e-6
    assert (found.problems, found.runs) == (24, 3)
