"""Databases with known answers through the real command: what is said is so, and says what the numbers say."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.worlds import CAMPAIGNS, World, compared, is_wrong, printed, said_of, sentences
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, UNDECIDED, WORSE
from spaces.task import Metric

NAN = math.nan
RNG = np.random.default_rng(23)
NORMAL = RNG.normal(20, 1, 75)
LOSS = Metric("loss", larger_is_better=False)


@pytest.mark.parametrize(
    ("a", "b", "verdict", "words"),
    [
        (RNG.normal(21, 1, 75), NORMAL, BETTER, "are better by more than 0.25 dB. A trial of a typically differs"),
        (RNG.normal(19.97, 0.02, 75), RNG.normal(20, 0.02, 75), AS_GOOD, "a difference is there, but it is smaller"),
        (RNG.normal(20.25, 0.05, 75), RNG.normal(20, 0.05, 75), BETTER, "whether by more than 0.25 dB is open"),
        (np.full(20, 20.0), np.full(75, 20.0), AS_GOOD, "by +0.00 dB [+0.00, +0.00]"),
        ([22.0], [20.0], UNDECIDED, "too few trials to tell. With these 1 and 1 trials"),
        ([NAN] * 10, [NAN] * 20, UNDECIDED, "Every trial of both diverged (10 and 20 trials)"),
        ([NAN] * 20, RNG.normal(20, 1, 20), WORSE, "Every trial of a diverged"),
        ([*RNG.normal(21, 1, 37), *[NAN] * 38], NORMAL, WORSE, "38 of 75 trials of a and 0 of 75 of b diverged: a "),
        ([*RNG.normal(20, 0.05, 45), *[NAN] * 30], RNG.normal(20, 0.05, 75), WORSE, "a diverges more often"),
        (RNG.normal(18, 1, 5), RNG.normal(22, 1, 75), WORSE, "5 and 75 trials"),
        (NORMAL * 1e300, RNG.normal(20, 1, 75) * 1e300, UNDECIDED, "e+2"),
    ],
    ids=["1 dB", "-0.03 surely", "0.25", "constant", "one each", "all diverged", "a diverged", "half", "two fifths",
         "5 of 75", "huge"],
)  # fmt: skip
def test_verdicts_of_known_populations(a: np.ndarray, b: np.ndarray, verdict: str, words: str, tmp_path: Path) -> None:
    """The sentence, the word in JSON, and the sign of the difference are about the same."""
    found = compared(tmp_path, World("a", a), World("b", b, first_seed=1000))
    (test,) = found["comparisons"]
    assert said_of(found) == test["decision"] == verdict
    sentence = found["verdict"][0]
    assert words in sentence
    assert "nan" not in sentence
    assert "inf" not in sentence
    if test["median_difference"] is not None and verdict in (BETTER, WORSE):
        assert (float(test["median_difference"]) > 0) == (verdict == BETTER)
        assert (float(test["improvement_low"]) > 0.5) == (verdict == BETTER)


def test_smaller_may_be_better(tmp_path: Path) -> None:
    """A loss that is smaller is better, and one of which half the trials diverged has no median."""
    a = World("a", RNG.normal(1, 0.1, 75), metric=LOSS)
    b = World("b", [*RNG.normal(2, 0.1, 30), *[NAN] * 45], first_seed=1000, metric=LOSS)
    found = compared(tmp_path, a, b)
    assert said_of(found) == BETTER
    assert (found["subjects"][1]["median"], found["comparisons"][0]["second_median"]) == ("Infinity", "Infinity")
    assert 0.9 < found["subjects"][0]["median"] < 1.1


def test_what_else_differs_is_said_with_the_verdict_and_the_verdict_first(tmp_path: Path) -> None:
    """Settings, method, budget and code, in the same sentence; the table follows the sentences."""
    a = World("a", RNG.normal(21, 1, 75), choices={"channels": 16}, fingerprint="old", budget=50)
    b = World("b", NORMAL, first_seed=1000, columns={"method": "das-single"}, fingerprint="new")
    sentence = compared(tmp_path, a, b)["verdict"][0]
    for words in (
        "--method das (a) or --method das-single (b)",
        "--epochs 50 (a)",
        "--set channels=16 (a)",
        "code old",
    ):
        assert words in sentence
    text = printed("compare", "a", "b", "--db", f"sqlite:///{tmp_path / 'worlds.db'}")
    assert text.startswith("verdict\n- a against b: the trials of a are better")
    assert text.index("brunner-munzel") < text.index("the tests use")


def test_sentences_are_counted() -> None:
    """A head and rows of as many cells; what is wrong is told apart."""
    head, row, again = itertools.islice(sentences(1), 3)
    assert len(head) == len(row) == len(again)
    assert row[:2] == (next(iter(CAMPAIGNS)), "5, 75")
    assert is_wrong(BETTER, 0.0)
    assert is_wrong(AS_GOOD, 0.25)
    assert not is_wrong(AS_GOOD, -0.03)
    assert not is_wrong(UNDECIDED, 1.0)
