"""Groups of runs compared, against statsmodels' mixed model, slow formulas and populations of known differences."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pandas
import pytest
from scipy import stats
from statsmodels.formula.api import mixedlm

from das_hpo.analysis.statistics import Comparison, Trials, compare
from das_hpo.analysis.statistics.replication import OVER_RUNS, Runs, compare_runs, typical_score
from das_hpo.analysis.statistics.samples import FloatArray
from spaces.errors import InvalidValueError


def runs(name: str, table: FloatArray, seeds: list[int] | None = None) -> Runs:
    """A group whose runs are the rows."""
    return Runs(name, [Trials(f"{name}{i}", row, seeds) for i, row in enumerate(table)])


def drawn(rng: np.random.Generator, n: int, trials: int, between: float, shared: FloatArray) -> FloatArray:
    """Scores of n runs; ``shared`` is what trials of one seed have in common."""
    return rng.normal(20, between, (n, 1)) + shared + rng.normal(0, 0.7, (n, trials))


def slow_typical(values: list[float]) -> float:
    """The median of the means of all pairs, each with itself, by Python alone."""
    means = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2))
    return (means[(len(means) - 1) // 2] + means[len(means) // 2]) / 2


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_a_runs_score_is_the_pseudo_median(n: int) -> None:
    """As the definition has it."""
    values = np.random.default_rng(n).normal(20, 1, n).tolist()
    assert typical_score(values) == pytest.approx(slow_typical(values))


def test_diverged_trials_count_as_the_worst() -> None:
    """A few lower the score; from 4 in 10 on there is none but minus infinity."""
    values = [20.0, 20.2, 20.4, 20.6, 20.8, 21.0, 21.2, 21.4]
    assert typical_score([*values, None, None]) < typical_score(values)
    assert typical_score([*values[:6], None, None, None, None]) == -math.inf
    assert math.isnan(typical_score([]))


def test_difference_and_error_are_those_of_a_mixed_model() -> None:
    """Runs as random effects, by REML; trials lie symmetrically, so that pseudo-medians are means."""
    rng = np.random.default_rng(1)
    pattern = stats.norm.ppf((np.arange(20) + 0.5) / 20)
    tables = [rng.normal(20 + shift, 0.8, (6, 1)) + pattern * rng.uniform(0.5, 1, (6, 1)) for shift in (0.4, 0)]
    found = compare_runs(runs("A", tables[0]), runs("B", tables[1]))
    rows = [
        {"score": score, "group": group, "run": f"{group}{i}"}
        for group, table in zip("AB", tables, strict=True)
        for i, row in enumerate(table)
        for score in row
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = mixedlm("score ~ C(group, Treatment('B'))", pandas.DataFrame(rows), groups="run").fit(reml=True)
    assert found.difference == pytest.approx(model.fe_params.iloc[1])
    assert found.runs is not None
    assert math.sqrt(found.runs.total) == pytest.approx(model.bse_fe.iloc[1], rel=1e-4)
    assert np.mean(np.square(found.runs.between_sd)) == pytest.approx(model.cov_re.iloc[0, 0], rel=0.1)
    assert (found.test, found.trials) == (OVER_RUNS, (6, 6))


def test_what_seeds_share_is_not_averaged_away() -> None:
    """The covariances of jackknifed scores, pair of runs by pair of runs, as Obuchowski and Rockette have them."""
    rng = np.random.default_rng(2)
    table = drawn(rng, 7, 12, 0.3, rng.normal(0, 1, 12))
    a, b = table[:4] + rng.normal(0, 0.5, 12), table[4:]
    found = compare_runs(runs("A", a, list(range(12))), runs("B", b, list(range(12)))).runs
    assert found is not None
    left_out = np.array([[slow_typical(np.delete(row, i).tolist()) for i in range(12)] for row in (*a, *b)])
    covariance = np.cov(left_out, ddof=0) * 11
    pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
    within_a = np.mean([covariance[i, j] for i, j in pairs if max(i, j) < 4])
    within_b = np.mean([covariance[i, j] for i, j in pairs if min(i, j) >= 4])
    across = np.mean([covariance[i, j] for i, j in pairs if i < 4 <= j])
    assert found.seeds == pytest.approx(max(0.0, within_a + within_b - 2 * across))
    assert found.within[0] == pytest.approx(max(0.0, np.mean(np.diag(covariance)[:4]) - within_a))
    scores = [slow_typical(row.tolist()) for row in a]
    assert found.between[0] == pytest.approx(np.var(scores, ddof=1))


def test_runs_that_found_the_same_are_no_proof() -> None:
    """All runs of a group have one incumbent and its trials: the luck of those trials stays, however many the runs."""
    rng = np.random.default_rng(3)
    a, b = (np.tile(rng.normal(20, 0.7, 8), (10, 1)) for _ in range(2))
    found = compare_runs(runs("A", a, list(range(8))), runs("B", b, list(range(8))))
    assert found.runs is not None
    assert found.runs.between == (pytest.approx(0), pytest.approx(0))
    assert found.runs.total > 0.5 * 2 * 0.7**2 / 8 / 4
    assert found.p_value > 0.05


@pytest.mark.parametrize(("n", "m"), [(3, 3), (3, 10), (8, 1)], ids=["3 and 3", "3 and 10", "8 and one"])
@pytest.mark.parametrize("between", [0.0, 1.0])
def test_true_nulls_are_rejected_in_one_of_twenty_at_most(n: int, m: int, between: float) -> None:
    """Two groups of one population, and a group against a single configuration; p and interval agree."""
    rng = np.random.default_rng(4)
    rejected = 0
    for _ in range(300):
        shared = rng.normal(0, 0.4, 6)
        a = drawn(rng, n, 6, between, shared)
        b = drawn(rng, m, 6, between if m > 1 else 0.0, shared)
        found = compare_runs(runs("A", a, list(range(6))), runs("B", b, list(range(6))))
        rejected += found.p_value < 0.05
        assert (found.p_value < 0.05) == (0 not in found.difference_interval)
    assert rejected <= 25  # 15 are expected at most; more than 25 come by chance in 1 of 200


def swapped(found: Comparison) -> tuple[float, float, float]:
    """Difference and ends of the interval with the sign changed."""
    return -found.difference, -found.difference_interval.high, -found.difference_interval.low


def test_the_order_does_not_matter() -> None:
    """A against B is B against A with the other sign; a single configuration may be either."""
    rng = np.random.default_rng(5)
    for m in (1, 4):
        a, b = runs("A", drawn(rng, 3, 9, 0.5, np.zeros(9))), runs("B", drawn(rng, m, 9, 0.5, np.zeros(9)))
        one, other = compare_runs(a, b), compare_runs(b, a)
        assert swapped(one) == pytest.approx(
            (other.difference, other.difference_interval.low, other.difference_interval.high)
        )
        assert one.p_value == pytest.approx(other.p_value)


def test_too_few_runs_or_trials_say_nothing() -> None:
    """Two runs of a group, or two trials of an incumbent, have no interval; two configurations are no groups."""
    rng = np.random.default_rng(6)
    three = runs("three", drawn(rng, 3, 5, 0.1, np.zeros(5)))
    for few in (runs("few", drawn(rng, 2, 5, 0.1, np.zeros(5))), runs("few", drawn(rng, 4, 2, 0.1, np.zeros(2)))):
        found = compare_runs(three, few)
        assert math.isnan(found.p_value)
        assert not found.difference_interval.defined
    one = runs("one", drawn(rng, 1, 5, 0.1, np.zeros(5)))
    with pytest.raises(InvalidValueError, match="a group has two runs or more"):
        compare_runs(one, one)


def test_runs_whose_incumbents_diverge_are_compared_by_ranks() -> None:
    """As trials that diverge: the worst of all, and no difference in dB where half of the runs do."""
    rng = np.random.default_rng(7)
    good, bad = drawn(rng, 6, 8, 0.2, np.zeros(8)), drawn(rng, 6, 8, 0.2, np.zeros(8))
    bad[:4, :5] = np.nan
    found = compare_runs(runs("good", good), runs("bad", bad))
    scores = [[typical_score(row) for row in table] for table in (good, bad)]
    expected = compare(Trials("good", scores[0]), Trials("bad", [None if math.isinf(s) else s for s in scores[1]]))
    assert found == expected
    assert found.difference == math.inf
    assert found.runs is None


def test_runs_that_do_not_vary_at_all_have_no_interval() -> None:
    """Nothing is known of their spread."""
    found = compare_runs(runs("A", np.full((3, 5), 1.0)), runs("B", np.full((3, 5), 2.0)))
    assert found.difference == -1
    assert not found.difference_interval.defined
    assert math.isnan(found.p_value)
