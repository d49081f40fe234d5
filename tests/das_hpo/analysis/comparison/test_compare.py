"""Tests between all pairs of subjects, and runs at equal cost."""

from __future__ import annotations

import pytest

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.subjects import (
    Subject,
)
from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.analysis.statistics import holm, mann_whitney
from tests.das_hpo import frames
from tests.das_hpo.analysis.comparison.samples import LOW, campaign_of, side_by_side, subject_of


def test_other_seeds_are_not_paired_and_three_are_corrected() -> None:
    """No pairs between different seeds; Holm over the three comparisons."""
    subjects = [campaign_of(name, [v + shift for v in LOW], seeds=list(range(start, start + 12)))
                for name, shift, start in (("a", 0.0, 0), ("b", 0.2, 100), ("c", 2.0, 200))]  # fmt: skip
    report, _ = side_by_side(*subjects)
    assert {comparison.pairs for comparison in report.comparisons} == {0}
    first = report.comparisons[0]
    assert first.p_value == pytest.approx(mann_whitney(LOW, [v + 0.2 for v in LOW])[1], rel=0.2)
    assert [c.p_holm for c in report.comparisons] == pytest.approx(holm([c.p_value for c in report.comparisons]))


def _optimiser(name: str, optimizer: str, shift: float) -> Subject:
    frame = frames.optimisation(name, seed=len(name))
    frame["architecture_score"] += shift
    return subject_of(frame, name=name, optimizer=optimizer)


def test_optimisers_are_ranked_over_several_runs_at_equal_cost() -> None:
    """Five runs of each: each run's best by the cheapest one's cost is one draw; one run of each ranks nothing."""
    subjects = [_optimiser("b" * (i + 1), "bohb", 3.0 + 0.1 * i) for i in range(5)]
    subjects += [_optimiser("r" * (i + 1), "random", 0.1 * i) for i in range(5)]
    report = compare_subjects(subjects)
    assert report.equal_cost is not None
    (comparison,) = report.equal_cost.optimizers
    assert (comparison.first, comparison.second) == ("bohb", "random")
    values = list(report.equal_cost.score.values())
    assert comparison.p_value == pytest.approx(mann_whitney(values[:5], values[5:])[1])
    said = "\n".join(verdicts(report))
    assert "bohb against random, 5 and 5 runs: bohb is better at equal cost" in said
    one_each = "\n".join(verdicts(compare_subjects([subjects[0], subjects[5]])))
    assert "Only several runs of each, with other seeds, can rank the optimisers" in one_each
