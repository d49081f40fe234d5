"""Trials of a user's task: what may be stored comes back, whatever the task returns."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from spaces.errors import InvalidValueError, UnknownPartError
from spaces.hyperparameters import preset
from spaces.task_registry import load_task
from spaces.trial import COMPLETED, DIVERGED, WORST_LOSS, Epoch, TrialOutcome, TrialSpec
from workers.worker.task_runner import TaskRunner, run_task, settled

FOREIGN = TrialSpec("inverse-1d", preset("H1").to_dict(), 1.0, 0, settings={"data": "holography"})
GOOD = TrialOutcome(COMPLETED, 20.0, 19.0, "net", 97, (Epoch("search", 1, 0.5, 10.0),))


def test_numbers_of_numpy_become_pythons() -> None:
    """In scores, parameters, extras and curves."""
    outcome = replace(
        GOOD,
        one_shot_score=np.float32(20.5),
        parameters=np.int64(97),
        extras={"depth": np.float64(3.0), "lost": math.nan},
        epochs=(Epoch("search", np.int64(1), np.float32(0.5), math.inf, alpha=((np.float32(0.25),),)),),
    )
    found = settled(outcome, larger_is_better=True)
    assert (found.one_shot_score, found.parameters, found.extras) == (20.5, 97, {"depth": 3.0})
    assert {type(found.one_shot_score), type(found.parameters)} == {float, int}
    [epoch] = found.epochs
    assert (epoch.epoch, epoch.training_loss, epoch.training_score, epoch.alpha) == (1, 0.5, None, ((0.25,),))


@pytest.mark.parametrize(
    ("score", "larger_is_better"),
    [(math.nan, True), (math.inf, True), (-math.inf, False), (-2 * WORST_LOSS, True), (2 * WORST_LOSS, False)],
)
def test_a_score_that_no_optimiser_could_rank_makes_the_trial_a_diverged_one(
    score: float, larger_is_better: bool
) -> None:
    """The message names the score; the other score stays."""
    found = settled(replace(GOOD, one_shot_score=score), larger_is_better)
    assert (found.status, found.one_shot_score, found.architecture_score) == (DIVERGED, None, 19.0)
    assert found.message == f"one shot score: {score}"


@pytest.mark.parametrize("given", [None, 20.0, {"status": "completed"}], ids=["none", "number", "mapping"])
def test_what_is_no_outcome_is_refused(given: object) -> None:
    """With what came instead."""
    with pytest.raises(InvalidValueError, match="a task must return TrialOutcome objects, got"):
        settled(given, larger_is_better=True)


@dataclass(frozen=True)
class Returning:
    """The paper's task, but for what its trials return."""

    returned: Any
    name: str = "returning"
    inner: Any = field(default_factory=lambda: load_task("inverse-1d"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def configured(self, settings: Any) -> Returning:
        """Itself."""
        return self

    def run_trials(self, specs: Any, device: str) -> Any:
        """What it was told to."""
        sys.stdout.write("a task may print\n")
        return self.returned


@pytest.mark.parametrize("returned", [None, [], [GOOD, GOOD, GOOD], 7], ids=["none", "no one", "too many", "number"])
def test_each_trial_needs_one_outcome(returned: Any) -> None:
    """Numbers must not go to the wrong trial."""
    specs = [TrialSpec("returning", {}, 1.0, seed) for seed in range(2)]
    with pytest.raises(InvalidValueError, match="the task returning must return 2 outcomes, got"):
        run_task(Returning(returned), specs, "cpu")


def test_what_a_task_prints_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """stdout is for data."""
    assert run_task(Returning([GOOD]), [TrialSpec("returning", {}, 1.0, 0)], "cpu") == [GOOD]
    out, err = capfd.readouterr()
    assert (out, err.strip()) == ("", "a task may print")


def test_two_tasks_need_two_names() -> None:
    """Trials name their task."""
    task = load_task("inverse-1d")
    with pytest.raises(InvalidValueError, match="a name of its own, got inverse-1d, inverse-1d"):
        TaskRunner([task, task], "cpu")


def test_trials_that_cannot_be_run_here_are_refused_with_what_to_do() -> None:
    """A task that is not here, and a part that no plug-in has registered."""
    runner = TaskRunner([load_task("inverse-1d")], "cpu")
    unknown = runner.refusal([TrialSpec("digits", {}, 1.0, 0)])
    assert unknown == "this worker was started without the task digits: start it with --task"
    foreign = runner.refusal([FOREIGN])
    assert foreign is not None
    assert "start it with the same --plugin as the run" in foreign
    with pytest.raises(UnknownPartError):
        load_task("inverse-1d").check_trial(FOREIGN)


def test_outcomes_carry_the_fingerprint_of_their_tasks_code() -> None:
    """So that numbers of different code never mix in silence."""
    runner = TaskRunner([load_task("inverse-1d")], "cpu")
    signed = runner.signing(lambda specs: [GOOD for _ in specs])
    [outcome] = signed([TrialSpec("inverse-1d", {}, 1.0, 0)])
    assert outcome.fingerprint == runner.fingerprints["inverse-1d"]
    assert signed([]) == []
