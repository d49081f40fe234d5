"""Numbers of a comparison in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from das_hpo.analysis.comparison.phrases import (
    bounds,
    chance,
    counted,
    difference_cell,
    diverged,
    more_trials,
    p_text,
    reach,
    typical,
    within,
)
from das_hpo.analysis.statistics import Decision, Interval, Trials, compare
from spaces.task import PSNR, Metric
from tests.das_hpo.analysis.comparison.samples import HIGH, LOW

INF = math.inf
FOUND = compare(Trials("A", HIGH), Trials("B", LOW))
ERROR = Metric("error", larger_is_better=False)


def _interval(low: float, high: float) -> Interval:
    return Interval(low, high, 0.95, "brunner-munzel")


def _none() -> Interval:
    return Interval.undefined(0.95)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.5, 1.0, "[-0.50, +1.00]"),
        (-0.001, 0.0, "[+0.00, +0.00]"),
        (-INF, 1.0, "[no lower limit, +1.00]"),
        (-0.5, INF, "[-0.50, no upper limit]"),
        (math.nan, math.nan, "(no interval)"),
        (-INF, -INF, "(no interval)"),
    ],
)
def test_ends_are_numbers_or_words(low: float, high: float, said: str) -> None:
    """Nobody reads "inf" or a lonely dash."""
    assert bounds(_interval(low, high), "+z.2f") == said


@pytest.mark.parametrize(
    ("low", "difference", "high", "sentence", "cell"),
    [
        (-INF, -INF, -INF, "A diverges so often that no difference in dB can be given", "none, A diverges"),
        (INF, INF, INF, "B diverges so often that no difference in dB can be given", "none, B diverges"),
        (-INF, -INF, -0.1, "A diverges so often that no difference in dB can be given (A is worse by 0.10 dB or more)",
         "none, A diverges (A is worse by 0.10 dB or more)"),
        (0.1, INF, INF, "B diverges so often that no difference in dB can be given (A is better by 0.10 dB or more)",
         "none, B diverges (A is better by 0.10 dB or more)"),
        (-INF, -INF, 0.4, "A diverges so often that no difference in dB can be given (A is at best 0.40 dB better)",
         "none, A diverges (A is at best 0.40 dB better)"),
        (-0.4, INF, INF, "B diverges so often that no difference in dB can be given (A is at worst 0.40 dB worse)",
         "none, B diverges (A is at worst 0.40 dB worse)"),
        (math.nan, math.nan, math.nan, "every trial of A and of B diverged", "-"),
        (math.nan, 1.0, math.nan, "a trial of A typically differs from one of B by +1.00 dB (no interval)",
         "+1.00 (no interval)"),
        (-INF, 1.0, 2.0, "a trial of A typically differs from one of B by +1.00 dB [no lower limit, +2.00]",
         "+1.00 [no lower limit, +2.00]"),
    ],
)  # fmt: skip
def test_a_difference_is_given_or_it_is_said_why_not(
    low: float, difference: float, high: float, sentence: str, cell: str
) -> None:
    """In the sentence and in the table."""
    found = replace(FOUND, difference=difference, difference_interval=_interval(low, high))
    assert typical(found, PSNR) == sentence
    assert difference_cell(found, PSNR) == cell


def test_the_larger_error_is_the_diverging_one() -> None:
    """An infinite error is A's if it is above B's."""
    found = replace(FOUND, difference=INF, difference_interval=_interval(INF, INF))
    assert typical(found, ERROR) == "A diverges so often that no difference can be given"


@pytest.mark.parametrize(
    ("low", "high", "form", "excluded", "said"),
    [
        (0.003, 0.3, "+z.2f", 0.0, "[+0.003, +0.30]"),
        (-0.3, -1e-7, "+z.2f", 0.0, "[-0.30, below +0.00]"),
        (0.0, 0.3, "+z.2f", 0.0, "[+0.00, +0.30]"),
        (0.5004, 0.9, ".2f", 0.5, "[0.5004, 0.90]"),
        (math.nextafter(0.5, 1), 1.0, ".2f", 0.5, "[above 0.50, 1.00]"),
        (-1e300, 1e300, "+z.2f", 0.0, "[-1e+300, +1e+300]"),
    ],
)
def test_no_end_looks_like_what_it_excludes(low: float, high: float, form: str, excluded: float, said: str) -> None:
    """An interval that excludes 0 or 1/2 shows it, and huge numbers do not fill the screen."""
    assert bounds(_interval(low, high), form, excluded) == said


def test_how_far_a_sure_difference_reaches() -> None:
    """Beyond the margin surely, or that is open; nothing without a margin or a number."""
    for low, high, said in ((0.3, 0.9, " by more than 0.25 dB"), (0.1, 0.9, "; whether by more than 0.25 dB is open")):
        found = replace(FOUND, difference=0.5, difference_interval=_interval(low, high), family_interval=_none())
        assert reach(found, PSNR, 0.25) == said
    assert reach(replace(FOUND, family_interval=_interval(0.1, 1)), PSNR, 0.25).endswith("is open")
    assert reach(FOUND, PSNR, 0.0) == reach(replace(FOUND, difference=INF), PSNR, 0.25) == ""


def test_diverged_trials_are_counted_for_both() -> None:
    """Nothing where none did; whether chance explains it where some did."""
    assert diverged(FOUND) == ""
    assert diverged(replace(FOUND, diverged=(2, 1))) == " 2 of 12 trials of A and 1 of 12 of B diverged."
    said = diverged(replace(FOUND, diverged=(0, 11)))
    assert said.endswith("11 of 12 of B diverged: B diverges more often than chance explains.")


def test_things_are_counted() -> None:
    """One has no plural."""
    assert (counted(1, "trial"), counted(2, "trial")) == ("1 trial", "2 trials")


def test_tests_and_margins() -> None:
    """p has two digits and the numbers of trials, a margin its unit."""
    assert chance(FOUND).startswith(f"one of A is the better with probability {FOUND.improvement:.2f} [")
    assert chance(FOUND).endswith("p < 0.0001 (Brunner-Munzel, 12 and 12 trials, Holm)")
    assert chance(replace(FOUND, pairs=12, p_holm=0.02), "a run", "runs").endswith("12 and 12 runs, 12 pairs, Holm)")
    assert (p_text(1e-5), p_text(0.0312), p_text(math.nan)) == ("p < 0.0001", "p = 0.031", "no p")
    assert (within(0.25, PSNR), within(0.01, ERROR)) == ("within 0.25 dB", "within 0.01")


def test_more_trials_are_said_where_they_would_help() -> None:
    """Not where nobody runs so many, and not where only the correction leaves it open."""

    def undecided(more: int | None) -> Decision:
        return Decision("undecided", equivalent=False, not_inferior=False, more_trials=more)

    assert "About 40 more trials of each would decide it" in more_trials(undecided(40), _interval(-1, 1))
    assert "About 1 more trial of each" in more_trials(undecided(1), _interval(-1, 1))
    assert more_trials(undecided(None), _interval(-INF, 1)) == ""
    assert "the correction for the number of comparisons" in more_trials(undecided(1), _interval(0.1, 1))
