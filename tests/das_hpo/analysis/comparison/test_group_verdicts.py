"""What is said of groups of runs."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.replicates import group_subject
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.comparison.verdicts import verdicts
from spaces.task import PSNR, Metric
from tests.das_hpo.analysis.comparison.samples import incumbent_of

RNG = np.random.default_rng(8)


def group_of(
    name: str, mean: float, count: int = 5, *, between: float = 0.05, trials: int = 10, metric: Metric = PSNR
) -> Subject:
    """A group whose runs have incumbents about that good."""
    rows = [RNG.normal(RNG.normal(mean, between), 0.1, trials).tolist() for _ in range(5)]
    return group_subject(
        name, [incumbent_of(f"{name}{i}", "one-shot", row, metric=metric) for i, row in enumerate(rows)]
    )


@pytest.mark.parametrize(
    ("shift", "between", "said"),
    [(0.0, 0.05, "the incumbents of a are as good within 0.25 dB"), (1.0, 0.05, "the incumbents of a are better"),
     (-1.0, 0.05, "the incumbents of a are worse"), (0.1, 0.5, "the runs do not tell which is better")],
)  # fmt: skip
def test_the_verdict_has_the_margin(shift: float, between: float, said: str) -> None:
    """Better, as good, worse, or undecided with what would decide."""
    text = verdicts(compare_subjects([group_of("a", 20 + shift, between=between), group_of("b", 20)]))[0]
    assert said in text
    assert ("would decide it" in text) == ("do not tell" in text)
    assert "Between runs the standard deviation is" in text


def test_smaller_is_better_for_errors() -> None:
    """The same words for the mirror image."""
    error = Metric("error", "dB", larger_is_better=False)
    text = verdicts(compare_subjects([group_of("a", 19, metric=error), group_of("b", 20, metric=error)]))[0]
    assert "the incumbents of a are better. An incumbent of a typically differs from one of b by -" in text


def test_too_few_trials_are_said_with_the_command() -> None:
    """Two trials say nothing of an incumbent's luck."""
    text = verdicts(compare_subjects([group_of("a", 20, trials=2), group_of("b", 20)]))[0]
    assert "An incumbent is judged by 3 trials or more, and a0, a1, a2, a3, a4 have fewer: das-hpo evaluate a0" in text
