"""Tests between all pairs of subjects, and runs at equal cost."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.analysis.comparison.compare import SideBySide, compare_subjects
from das_hpo.analysis.statistics import holm, mann_whitney
from spaces.errors import InvalidValueError
from spaces.task import Metric
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


def test_evaluations_that_an_optimiser_chose_are_not_tested() -> None:
    """However far the scores of two runs are apart: each is the luckiest of many, and no draw of its optimiser's."""
    lucky = frames.optimisation("lucky", seed=1)
    lucky["architecture_score"] += 3
    runs = [subject_of(lucky, name="lucky"), subject_of(frames.optimisation("other", seed=2), name="other")]
    report, said = side_by_side(*runs)
    assert np.isnan(report.comparisons[0].p_value)
    assert not report.comparisons[0].difference_interval.defined
    assert "lucky against other: not decided" in said
    assert "das-hpo evaluate lucky other --trials 20" in said
    assert "At equal cost nothing is decided" in said
    assert not any(f"are {word}" in said for word in ("better", "worse", "as good"))


@pytest.mark.parametrize("diverged", [0, 30], ids=["normal", "diverging"])
@pytest.mark.parametrize("shift", [0.0, 0.6, -0.6], ids=["equal", "better", "worse"])
def test_mirror_images_have_mirror_verdicts(shift: float, diverged: int) -> None:
    """Errors that are the negated scores: the same p, direction and words; negated differences, intervals, medians."""
    rng = np.random.default_rng(31)
    a: list[float | None] = [*(rng.normal(20 + shift, 1, 60 - diverged)).tolist(), *[None] * diverged]
    b: list[float | None] = rng.normal(20, 1, 60).tolist()
    error = Metric("error", "dB", larger_is_better=False)

    def found(sign: int, metric: Metric) -> tuple[SideBySide, str]:
        subjects = [
            campaign_of(name, [None if v is None else sign * v for v in values], metric=metric, seeds=seeds)
            for name, values, seeds in (("a", a, list(range(60))), ("b", b, list(range(100, 160))))
        ]
        compared, said = side_by_side(*subjects)
        return compared, next(line for line in said.splitlines() if line.startswith("a against b"))

    (scores, said), (errors, mirrored) = found(1, Metric("score", "dB")), found(-1, error)
    (one,), (other,) = scores.comparisons, errors.comparisons
    assert (one.p_value, one.direction, one.improvement) == (other.p_value, other.direction, other.improvement)
    assert other.difference == -one.difference
    assert other.medians == (-one.medians[0], -one.medians[1])
    assert (other.difference_interval.low, other.difference_interval.high) == (
        -one.difference_interval.high, -one.difference_interval.low,
    )  # fmt: skip
    words = [line.split(" differs ")[0].split(" diverges ")[0].split("agree")[0] for line in (said, mirrored)]
    assert words[0].split(": a difference of")[0] == words[1].split(": a difference of")[0]


def test_a_margin_is_refused_if_it_is_negative() -> None:
    """Before anything is computed."""
    with pytest.raises(InvalidValueError, match="a margin is a number from 0 on"):
        compare_subjects([campaign_of("a", LOW)], margin=-0.1)
