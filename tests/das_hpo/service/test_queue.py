"""An evaluation that is stored extends what was asked, and an attempt names one."""

from __future__ import annotations

from das_hpo.service.queue import Attempt, Evaluation
from spaces.identity import ConfigurationId
from spaces.trial import TrialSpec
from storage.entries import NewEvaluation, WorkerInfo

ASKED = NewEvaluation(ConfigurationId(1, 0, 2), 3, TrialSpec("digits", {"lr": 0.1}, 9.0, 7))


def test_a_stored_evaluation_is_what_was_asked_with_an_id() -> None:
    """Its budget and seed are those of its trial."""
    stored = Evaluation.stored(ASKED, 42, failures=1)
    assert (stored.id, stored.failures) == (42, 1)
    assert (stored.configuration_id, stored.replicate, stored.spec) == ((1, 0, 2), 3, ASKED.spec)
    assert (stored.budget, stored.seed) == (9.0, 7)
    assert isinstance(stored, NewEvaluation)


def test_attempts_at_one_evaluation_differ_by_their_tokens() -> None:
    """And are equal if they are the same: an adopted one is the one that was given out."""
    worker = WorkerInfo("w", "host", 1, "cpu", "0")
    stored = Evaluation.stored(ASKED, 42)
    assert Attempt(stored, "a", worker) == Attempt(Evaluation.stored(ASKED, 42), "a", worker)
    assert Attempt(stored, "a", worker) != Attempt(stored, "b", worker)
