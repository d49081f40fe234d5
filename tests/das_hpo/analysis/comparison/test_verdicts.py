"""Verdicts say no more than the data."""

from __future__ import annotations

import math

import numpy as np
import pytest

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.verdicts import correlation_verdict, smallest_p, unlike
from das_hpo.analysis.statistics import correlation, paired_wilcoxon
from spaces.task import Metric
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
    assert smallest_p(report.comparisons[0]) == pytest.approx(0.1)
    assert "too few trials to tell. With these 3 and 3 trials" in said
    assert "a: only 3 trials" in said
    paired = compare_subjects([campaign_of("low", LOW), campaign_of("high", HIGH)]).comparisons[0]
    assert smallest_p(paired) == 2**-11


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
    assert "b: 1 of 12 trials diverged: tests, probabilities, differences, median and quartiles take them as" in said
    assert (
        " 0 of 12 trials of a and 1 of 12 of b diverged. They differ in --data blur (a) or --data downsampling (b); "
        "--epochs 50 (a) or --epochs 5 (b): the difference may come from that." in said
    )


def test_other_code_of_the_task_is_said() -> None:
    """In the sentence about the two, and not where both were computed by the same code."""
    one, other = frames.campaign("a", LOW), frames.campaign("b", HIGH)
    one["fingerprint"], other["fingerprint"] = "old", "new"
    subjects = [subject_of(frame, name=name, kind="campaign") for name, frame in (("a", one), ("b", other))]
    assert "They differ in the task's code old (a) or new (b): the difference may come from that." in unlike(*subjects)
    assert unlike(subjects[0], subjects[0]) == ""


def test_ranks_tell_of_a_relation_where_pairs_are_too_few_for_pearsons() -> None:
    """50 pairs; and of three subjects of which one is barely related, the correction leaves it open."""
    x = np.linspace(18, 22, 50)
    subject = subject_of(frames.campaign("c", (x + np.cos(np.arange(50) * 2.0)).tolist(), x.tolist()), name="c",
                         kind="campaign")  # fmt: skip
    said = correlation_verdict(subject)
    assert "(no interval) over 50 trials; Spearman's is +0." in said
    assert "goes with a better architecture PSNR (r" in said
    assert "corrected for the number of correlations, p = 0.06" in correlation_verdict(subject, 0.06)


def test_as_good_alone_is_not_as_good_among_many() -> None:
    """Six campaigns of equal populations at a margin that two of them alone meet: the sentence says why it is open."""
    rng = np.random.default_rng(17)
    values = [rng.normal(20, 0.65, 75).tolist() for _ in range(6)]
    subjects = [
        campaign_of(name, value, seeds=list(range(1000 * i, 1000 * i + 75)))
        for i, (name, value) in enumerate(zip("abcdef", values, strict=True))
    ]
    compared, said = side_by_side(*subjects)
    alone = [c for c in compared.comparisons if max(-c.difference_interval.low, c.difference_interval.high) < 0.25]
    assert alone
    assert f"{alone[0].first} against {alone[0].second}: not decided" in said
    assert "but not so surely that it holds for all these comparisons at once" in said


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


def _normal(seed: int, size: int, mean: float = 20.0) -> list[float | None]:
    values: list[float | None] = np.random.default_rng(seed).normal(mean, 1, size).tolist()
    return values


def _other_seeds(count: int) -> list[int]:
    return list(range(1000, 1000 + count))


def test_the_sentence_is_about_what_was_tested() -> None:
    """Two kinds of trials: the medians of completed trials say +2, a trial of A is worse by the diverged ones."""
    good: list[float | None] = [22.0 + i / 100 for i in range(16)]
    mixed: list[float | None] = [*good, *[None] * 24]
    plain: list[float | None] = [20.0 + i / 100 for i in range(40)]
    compared, said = side_by_side(campaign_of("mixed", mixed), campaign_of("plain", plain, seeds=_other_seeds(40)))
    assert compared.comparisons[0].difference == -math.inf
    assert "mixed diverges so often that no difference in dB can be given" in said
    assert "inf" not in said
    assert "Medians" not in said


def test_as_good_comes_out_of_agreement() -> None:
    """75 pairs within 0.05 dB; without a margin the same data do not tell."""
    base = np.array(_normal(1, 75), dtype=float)
    near: list[float | None] = (base + np.random.default_rng(2).normal(0, 0.05, 75)).tolist()
    subjects = campaign_of("a", near), campaign_of("b", base.tolist())
    assert (
        "a against b: the trials of a are as good within 0.25 dB. A trial of a typically differs"
        in side_by_side(*subjects)[1]
    )
    unmargined = side_by_side(*subjects, margin=0.0)[1]
    assert "the data do not tell which is better" in unmargined
    assert "No margin is set for the PSNR" in unmargined


def test_a_sure_difference_below_the_margin_is_as_good() -> None:
    """It is said that it is there."""
    base = np.array(_normal(3, 75), dtype=float)
    lower: list[float | None] = (base - 0.03 + np.random.default_rng(4).normal(0, 0.01, 75)).tolist()
    _, said = side_by_side(campaign_of("a", lower), campaign_of("b", base.tolist()))
    assert "as good within 0.25 dB; a difference is there, but it is smaller. A trial of a typically" in said
    assert "-0.03 dB [-0.03, -0.03]" in said or "-0.03 dB [-0.04, -0.03]" in said


def test_what_would_decide_is_said() -> None:
    """30 against 30 of equal means: undecided, with the number of trials that JSON has, too."""
    _, said = side_by_side(campaign_of("a", _normal(5, 30)), campaign_of("b", _normal(6, 30), seeds=_other_seeds(30)))
    assert "more trials of each would decide it in four of five cases" in said


def test_few_trials_that_share_seeds_with_many_are_all_used() -> None:
    """5 against 75, 18 against 22 dB: the seeds are no reason to drop 70 trials."""
    few, many = _normal(7, 5, 18.0), _normal(8, 75, 22.0)
    compared, said = side_by_side(campaign_of("few", few), campaign_of("many", many))
    assert compared.comparisons[0].trials == (5, 75)
    assert "few against many: the trials of few are worse" in said
    assert "too few" not in said.split("few against many")[1].split("\n")[0]


def test_the_smallest_p_counts_pairs_and_trials_alone() -> None:
    """Ten pairs, one trial of A alone and two of B: 2 / (2^10 * 3); no outcome of three and three is below 0.1."""
    compared, _ = side_by_side(campaign_of("a", _normal(9, 11), seeds=[*range(10), 50]),
                               campaign_of("b", _normal(10, 12), seeds=[*range(10), 60, 61]))  # fmt: skip
    assert compared.comparisons[0].pairs == 10
    assert smallest_p(compared.comparisons[0]) == pytest.approx(2 / (2**10 * 3))


def test_an_accuracy_has_no_margin_unless_one_is_given() -> None:
    """A quarter of an accuracy would be absurd: nothing is as good by default, and 0.05 is in the accuracy's unit."""
    from examples.digits import TASK

    base = np.array(_normal(11, 40), dtype=float) / 1000 + 0.93
    near: list[float | None] = (base + np.random.default_rng(12).normal(0, 0.001, 40)).tolist()
    far: list[float | None] = (base - 0.1).tolist()
    metric: Metric = TASK.metric
    subjects = [campaign_of(n, v, metric=metric) for n, v in (("a", base.tolist()), ("b", near), ("c", far))]
    compared, said = side_by_side(*subjects)
    assert compared.margin == 0
    assert "a against c: the trials of a are better" in said
    assert "No margin is set for the accuracy" in said
    assert "as good within" not in said
    assert "a against b: the trials of a are as good within 0.05. " in side_by_side(*subjects, margin=0.05)[1]
