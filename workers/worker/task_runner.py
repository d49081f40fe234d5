"""Runs trials of the tasks that a worker was started with."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spaces.errors import InvalidValueError, UnknownPartError, UsageError
from spaces.task import Task
from spaces.task_registry import fingerprint, quiet
from spaces.trial import DIVERGED, WORST_LOSS, Epoch, TrialOutcome, TrialSpec, check_outcome, to_loss

Compute = Callable[[Sequence[TrialSpec]], Sequence[TrialOutcome]]

log = logging.getLogger(__name__)


class TaskRunner:
    """Runs trials of some tasks.

    Args:
        tasks: The tasks, each with a name of its own.
        device: ``cpu`` or ``cuda:N``.

    Attributes:
        fingerprints: The fingerprint of each task's code, by the task's name.

    Raises:
        InvalidValueError: If two tasks have one name.
    """

    def __init__(self, tasks: Sequence[Task], device: str) -> None:
        self._tasks = {task.name: task for task in tasks}
        if len(self._tasks) < len(tasks):
            names = ", ".join(task.name for task in tasks)
            raise InvalidValueError(f"each task needs a name of its own, got {names}")
        self._device = device
        self._last: tuple[tuple[str, Mapping[str, Any]], str | None] | None = None
        self.fingerprints: Mapping[str, str] = {name: fingerprint(task) for name, task in self._tasks.items()}

    def refusal(self, specs: Sequence[TrialSpec]) -> str | None:
        """Why trials cannot be run here, in one line that says what to do; None if they can.

        A dispatcher compares the names and fingerprints of tasks before it gives work out, but cannot look inside a
        task.
        """
        for spec in specs:
            if spec.task not in self._tasks:
                return f"this worker was started without the task {spec.task}: start it with --task"
            try:
                self._tasks[spec.task].check_trial(spec)
            except UnknownPartError as error:
                return (
                    f"this worker does not know a part of the problem ({error}): "
                    "start it with the same --plugin as the run, or set DAS_HPO_PLUGINS"
                )
            except UsageError as error:
                return f"this worker's task {spec.task} refuses the trial: {error}"
        return None

    def prepare(self) -> None:
        """Compiles or loads what the tasks need, so that this takes no trial's time."""
        for task in self._tasks.values():
            with quiet():
                task.prepare(self._device)

    def run(self, specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
        """Runs trials of equal shape; see :func:`run_task`."""
        return run_task(self._tasks[specs[0].task], specs, self._device)

    def signing(self, compute: Compute) -> Compute:
        """The same computation, with the fingerprint of the task's code in each outcome."""

        def signed(specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
            signature = self._fingerprint(specs[0]) if specs else None
            return [replace(outcome, fingerprint=signature) for outcome in compute(specs)]

        return signed

    def _fingerprint(self, spec: TrialSpec) -> str | None:
        """Of the code that computes the trial; None for a task that is not here."""
        asked = (spec.task, spec.settings)
        if self._last is None or self._last[0] != asked:  # trials of one run have the same settings
            task = self._tasks.get(spec.task)
            self._last = (asked, None if task is None else fingerprint(task.configured(spec.settings)))
        return self._last[1]


def run_task(task: Task, specs: Sequence[TrialSpec], device: str) -> list[TrialOutcome]:
    """Runs trials of equal shape of a task, and makes sure that the outcomes can be stored.

    A trial with a score that is not finite, or that is worse than the loss of diverged trials, counts as diverged.
    Numbers of numpy become Python's; an extra that is not finite is left out. What the task prints goes to stderr.

    Raises:
        InvalidValueError: If the task does not return one outcome for each trial.
    """
    with quiet():
        configured = task.configured(specs[0].settings)
        outcomes = configured.run_trials(list(specs), device)
    if not isinstance(outcomes, Sequence) or len(outcomes) != len(specs):
        raise InvalidValueError(f"the task {task.name} must return {len(specs)} outcomes, got {outcomes!r}"[:500])
    return [settled(outcome, task.metric.larger_is_better) for outcome in outcomes]


def settled(outcome: object, larger_is_better: bool) -> TrialOutcome:
    """The same outcome with builtin, finite numbers; if a score is not finite, its status is ``diverged``.

    Raises:
        InvalidValueError: If it is not an outcome, or has a wrong form.
    """
    if not isinstance(outcome, TrialOutcome):
        raise InvalidValueError(f"a task must return TrialOutcome objects, got {outcome!r}"[:500])
    status, message = outcome.status, outcome.message
    scores: dict[str, Any] = {}
    for name in ("one_shot_score", "architecture_score"):
        score = _builtin(getattr(outcome, name))
        if score is not None and isinstance(score, int | float):
            score = float(score)
            loss = to_loss(score, larger_is_better) or 0.0
            if not math.isfinite(score) or loss >= WORST_LOSS:
                status, message = DIVERGED, message or f"{name.replace('_', ' ')}: {score}"
                score = None
        scores[name] = score
    extras = {name: _builtin(value) for name, value in dict(outcome.extras).items()}
    found = replace(
        outcome,
        status=status,
        message=message,
        parameters=_builtin(outcome.parameters),
        search_s=_seconds(outcome.search_s),
        retrain_s=_seconds(outcome.retrain_s),
        epochs=tuple(_epoch(epoch) for epoch in outcome.epochs),
        extras={name: value for name, value in extras.items() if not _is_infinite(value)},
        **scores,
    )
    check_outcome(found)
    return found


def _epoch(epoch: Epoch) -> Epoch:
    numbers: dict[str, Any] = {
        name: _builtin(getattr(epoch, name)) for name in Epoch.__dataclass_fields__ if name != "alpha"
    }
    alpha = epoch.alpha
    if alpha is not None:
        alpha = tuple(tuple(float(value) for value in row) for row in alpha)
    finite: dict[str, Any] = {name: None if _is_infinite(value) else value for name, value in numbers.items()}
    return Epoch(**finite, alpha=alpha)


def _seconds(value: Any) -> float:
    seconds = float(value)
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _builtin(value: Any) -> Any:
    """A number of numpy or torch (with one element) as a number of Python; anything else as it is."""
    plain = value is None or type(value) in (bool, int, float, str)
    return value if plain or not hasattr(value, "item") else value.item()
