"""Does optimising the one-shot score give as good an architecture? Answered from trials of both incumbents alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.verdicts import verdicts
from das_hpo.analysis.statistics import Trials, summarise
from spaces.task import Metric
from tests.das_hpo import frames
from tests.das_hpo.analysis.comparison.samples import (
    HIGH,
    LOW,
    campaign_of,
    incumbent_of,
    side_by_side,
    subject_of,
)

QUESTION = "Does optimising the one-shot objective (o) give as good an architecture as a? "
BASE = np.random.default_rng(21).normal(20, 1, 75)
NOISE = np.random.default_rng(22).normal(0, 0.05, 75)


@pytest.mark.parametrize(
    ("one_shot", "architecture", "answer"),
    [
        (LOW, HIGH, "No, a worse one: a trial of o typically differs from one of a by -"),
        (HIGH, LOW, "Yes, a better one: a trial of o typically differs from one of a by +"),
        (LOW, LOW[::-1], "Not decided: "),
        ((BASE + NOISE).tolist(), BASE.tolist(), "Yes, as good within 0.25 dB: a trial of o typically differs"),
        ((BASE + NOISE / 5 - 0.03).tolist(), BASE.tolist(), "Yes, as good within 0.25 dB: "),
    ],
    ids=["worse", "better", "undecided", "agreement", "a sure -0.03 dB"],
)
@pytest.mark.parametrize("swapped", [False, True], ids=["one-shot first", "architecture first"])
def test_the_question_of_the_title(
    one_shot: list[float | None], architecture: list[float | None], answer: str, swapped: bool
) -> None:
    """The same answer, whichever run was named first; the pair has no second sentence, which might contradict it."""
    subjects = [incumbent_of("o", "one-shot", one_shot), incumbent_of("a", "architecture", architecture)]
    said = verdicts(compare_subjects(subjects[::-1] if swapped else subjects))
    assert said[0].startswith(QUESTION + answer)
    assert not any(" against " in sentence for sentence in said)


def test_not_being_worse_is_as_good() -> None:
    """The question has one side: an interval from just below 0 to beyond the margin answers it with yes."""
    better = (BASE + 0.15 + 20 * (NOISE - NOISE.mean())).tolist()
    subjects = [incumbent_of("o", "one-shot", better), incumbent_of("a", "architecture", BASE.tolist())]
    compared, said = side_by_side(*subjects)
    interval = compared.comparisons[0].difference_interval
    assert -0.25 < interval.low < 0 < 0.25 < interval.high
    assert said.startswith(QUESTION + "Yes, as good within 0.25 dB")


def test_what_else_is_compared_does_not_change_the_answer() -> None:
    """The question is corrected for questions of its kind alone: ten campaigns more leave it as it is."""
    shifted = np.array(LOW, dtype=float) + np.random.default_rng(23).normal(1.0, 1.2, 12)
    subjects = [incumbent_of("o", "one-shot", shifted.tolist()), incumbent_of("a", "architecture", LOW)]
    alone = verdicts(compare_subjects(subjects))[0]
    others = [campaign_of(f"c{i}", LOW[::-1], seeds=list(range(100 * i, 100 * i + 12))) for i in range(1, 11)]
    assert verdicts(compare_subjects([*subjects, *others]))[0] == alone
    assert "Yes, a better one" in alone


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("method", "das-single", "--method das (o) or --method das-single (a)"),
        ("budget", 9.0, "--epochs 50 (o) or --epochs 9 (a)"),
        ("set channels", 16, "--set channels=8 (o) or --set channels=16 (a)"),
    ],
)
def test_runs_that_differ_in_more_than_the_objective_do_not_answer(column: str, value: object, said: str) -> None:
    """Another method, budget or setting is named, however sure the difference is."""
    one, other = incumbent_of("o", "one-shot", LOW), incumbent_of("a", "architecture", HIGH)
    one = dataclasses.replace(one, frame=one.frame.assign(**{"set channels": 8}))
    frame = other.frame.assign(**{"set channels": 8} | ({} if column == "budget" else {column: value}))
    other = dataclasses.replace(
        other,
        frame=frame,
        budget=float(value) if column == "budget" else other.budget,  # type: ignore[arg-type]
    )
    (answer, *rest) = verdicts(compare_subjects([one, other]))
    assert answer == f"{QUESTION}These runs cannot say, because more than their objective differs: {said}."
    assert rest[0].startswith("o against a: ")


def test_answers_come_before_what_cannot_be_answered() -> None:
    """Of two runs that the one-shot run is held against, one is of another method."""
    other = incumbent_of("s", "architecture", HIGH)
    other = dataclasses.replace(other, frame=other.frame.assign(method="das-single"))
    subjects = [incumbent_of("o", "one-shot", LOW), other, incumbent_of("a", "architecture", HIGH)]
    said = verdicts(compare_subjects(subjects))
    assert said[0].startswith(QUESTION + "No, a worse one")
    assert "12 and 12 trials, 12 pairs" in said[0]
    assert "as s? These runs cannot say" in said[1]


def test_a_smaller_error_is_the_better_one() -> None:
    """The mirror image of a score is an error: the answers are the same, the differences have the other sign."""
    error = Metric("error", "dB", larger_is_better=False)
    for one, other in ((LOW, HIGH), (HIGH, LOW), ((BASE + NOISE).tolist(), BASE.tolist())):
        score = verdicts(
            compare_subjects([incumbent_of("o", "one-shot", one), incumbent_of("a", "architecture", other)])
        )
        mirrored = [
            incumbent_of(name, objective, [-value for value in values if value is not None], metric=error)
            for name, objective, values in (("o", "one-shot", one), ("a", "architecture", other))
        ]
        words = [
            sentences[0].split("?")[1].split(":")[0] for sentences in (score, verdicts(compare_subjects(mirrored)))
        ]
        assert words[0] == words[1]


def test_what_has_no_architecture_score_is_not_answered() -> None:
    """Nothing was retrained."""
    one = incumbent_of("o", "one-shot", LOW)
    none = dataclasses.replace(one, sample=Trials("o", [], []), summary=summarise([]))
    said = verdicts(compare_subjects([none, incumbent_of("a", "architecture", HIGH)]))
    assert said[0].startswith(f"{QUESTION}Not decided: the trials of one have no architecture PSNR")


def test_runs_alone_do_not_answer_the_title() -> None:
    """Two single incumbents are luck; the verdict says which commands would answer it."""
    runs = [
        subject_of(frames.optimisation(n, objective=o), name=n) for n, o in (("o", "one-shot"), ("a", "architecture"))
    ]
    report = compare_subjects(runs)
    assert "These runs alone cannot say" in verdicts(report)[0]
    assert "das-hpo evaluate o a --trials 20" in verdicts(report)[0]
    assert not any(" against " in sentence for sentence in verdicts(report)[1:])
