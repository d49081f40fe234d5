"""What is written: an evaluation's budget and seed are those of its trial, and words are those of the columns."""

from __future__ import annotations

from spaces.identity import ConfigurationId
from spaces.trial import COMPLETED, DIVERGED, TrialSpec
from storage.entries import (
    ATTEMPT_FAILURES,
    ATTEMPT_STATUSES,
    EVALUATION_STATUSES,
    FINISHED_STATUSES,
    NewEvaluation,
)


def test_an_evaluation_has_the_budget_and_the_seed_of_its_trial() -> None:
    """They are said once."""
    new = NewEvaluation(ConfigurationId(0, 0, 1), 2, TrialSpec("digits", {}, 4.5, 7))
    assert (new.budget, new.seed) == (4.5, 7)


def test_every_status_of_an_outcome_ends_an_evaluation() -> None:
    """And so does failing; how an attempt fails is a status of attempts."""
    assert {COMPLETED, DIVERGED, "failed"} == set(FINISHED_STATUSES)
    assert set(FINISHED_STATUSES) < set(EVALUATION_STATUSES)
    assert set(ATTEMPT_FAILURES) < set(ATTEMPT_STATUSES)
