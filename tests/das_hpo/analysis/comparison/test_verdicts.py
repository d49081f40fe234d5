"""Verdicts say no more than the data."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.subjects import (
    INCUMBENT_TRIALS,
    Subject,
)
from das_hpo.analysis.comparison.verdicts import correlation_verdict, smallest_p, verdicts
from das_hpo.analysis.statistics import correlation, paired_wilcoxon
from tests.das_hpo import frames
from tests.das_hpo.analysis.comparison.samples import HIGH, LOW, RNG, campaign_of, side_by_side, subject_of


def test_a_clear_difference_is_said_with_its_numbers() -> None:
    """Two campaigns with shared seeds: paired, corrected, and the better one is named."""
    report, said = side_by_side(campaign_of("high", HIGH), campaign_of("low", LOW))
    (comparison,) = report.comparisons
    assert (comparison.test, comparison.pairs) == ("brunner-munzel", 12)
    assert comparison.p_value == pytest.approx(paired_wilcoxon(HIGH, LOW)[1])  # every pair the same way: 2 / 2^12
    assert "high against low: the trials of high are better" in said
    assert f"{np.median(np.subtract.outer(HIGH, LOW)):+.2f} dB" in said


def test_no_difference_is_not_called_equality() -> None:
    """The verdict names the differences that the data still allow."""
    shuffled = RNG.permutation(LOW).tolist()
    report, said = side_by_side(campaign_of("a", LOW), campaign_of("b", shuffled, seeds=list(range(50, 62))))
    interval = report.comparisons[0].difference_interval
    assert "do not tell which is better; that is no proof that they are equal" in said
    assert f"{interval.low:+.2f} to {interval.high:+.2f} dB agrees" in said


def test_too_few_trials_are_said_to_be_too_few() -> None:
    """Three against three, fully separated: p is 0.1 at best, which the verdict says."""
    a, b = campaign_of("a", [1.0, 2.0, 3.0]), campaign_of("b", [4.0, 5.0, 6.0], seeds=[7, 8, 9])
    report, said = side_by_side(a, b)
    assert smallest_p(report.comparisons[0], 3, 3) == pytest.approx(0.1)
    assert "too few trials to tell. With these 3 and 3 trials" in said
    assert "a: only 3 trials" in said
    paired = compare_subjects([campaign_of("low", LOW), campaign_of("high", HIGH)]).comparisons[0]
    assert smallest_p(paired, 12, 12) == 2**-11


def test_what_was_not_retrained_is_not_diverged() -> None:
    """A one-shot run has no architecture PSNRs: there is no test, and nobody diverged."""
    not_retrained = frames.campaign("one", LOW)
    not_retrained["one_shot_score"] = not_retrained["architecture_score"]
    not_retrained["architecture_score"] = math.nan
    report, said = side_by_side(subject_of(not_retrained, name="one", kind="campaign"), campaign_of("two", HIGH))
    assert math.isnan(report.comparisons[0].p_value)
    assert "one has no architecture PSNR (run with --retrain always)" in said
    assert "diverged" not in said


def test_trials_that_all_diverged_are_worse() -> None:
    """They are ranked last, and no medians are made up for them."""
    _, said = side_by_side(campaign_of("good", HIGH), campaign_of("bad", [None] * len(HIGH)))
    assert "the trials of good are better. Every trial of bad diverged" in said
    assert "nan" not in said
    assert "--retrain" not in said


def test_diverged_trials_problems_and_budgets_are_warned_of() -> None:
    """What makes a comparison lame is said."""
    other = frames.campaign("b", [*LOW[:11], None])
    other["data"], other["budget"] = "downsampling", 5.0
    _, said = side_by_side(campaign_of("a", LOW), subject_of(other, name="b", kind="campaign"))
    assert "b: 1 of 12 trials diverged" in said
    assert "The problems differ (a: sequential, good, blur; b: sequential, good, downsampling)" in said
    assert "different lengths in epochs (a 50, b 5)" in said


@pytest.mark.parametrize(
    ("slope", "words"),
    [(1.0, "goes with a better architecture PSNR"), (-1.0, "goes with a worse"), (0.0, "do not show")],
    ids=["positive", "negative", "none"],
)
def test_correlations_keep_their_sign(slope: float, words: str) -> None:
    """A negative correlation is not a good one."""
    x = np.linspace(18, 22, 50)
    noise = 0.2 * np.cos(np.arange(50) * 2.0)
    subject = subject_of(frames.campaign("c", (slope * x + noise + 5).tolist(), x.tolist()), name="c", kind="campaign")
    assert words in correlation_verdict(subject)
    assert subject.correlation == correlation(x, slope * x + noise + 5)


def _with_trials(name: str, objective: str, psnr: list[float]) -> Subject:
    subject = subject_of(frames.optimisation(name, objective=objective, seed=5), name=name, optimizer="bohb")
    trial = campaign_of(name, psnr)
    return dataclasses.replace(subject, sample=trial.sample, summary=trial.summary, source=INCUMBENT_TRIALS)


@pytest.mark.parametrize(
    ("one_shot", "architecture", "answer"),
    [(LOW, HIGH, "No, a worse one: -"), (HIGH, LOW, "Yes, a better one: +"), (LOW, LOW[::-1], "Not decided: ")],
    ids=["worse", "better", "undecided"],
)
@pytest.mark.parametrize("swapped", [False, True], ids=["one-shot first", "architecture first"])
def test_the_question_of_the_title(
    one_shot: list[float], architecture: list[float], answer: str, swapped: bool
) -> None:
    """Answered from trials of both incumbents, whichever was named first."""
    subjects = [_with_trials("o", "one-shot", one_shot), _with_trials("a", "architecture", architecture)]
    said = verdicts(compare_subjects(subjects[::-1] if swapped else subjects))
    assert said[0].startswith("Does optimising the one-shot objective (o) give as good an architecture as a?")
    assert answer in said[0]


def test_runs_alone_do_not_answer_the_title() -> None:
    """Two single incumbents are luck; the verdict says which commands would answer it."""
    runs = [
        subject_of(frames.optimisation(n, objective=o), name=n) for n, o in (("o", "one-shot"), ("a", "architecture"))
    ]
    report = compare_subjects(runs)
    assert "These runs alone cannot say" in verdicts(report)[0]
    assert "das-hpo evaluate o --trials 75, das-hpo evaluate a --trials 75" in verdicts(report)[0]
    assert report.equal_cost is None
    two = compare_subjects([subject_of(frames.optimisation(n, seed=s), name=n) for s, n in enumerate("xy")])
    assert two.equal_cost is not None
    assert "At equal cost" in "\n".join(verdicts(two))
