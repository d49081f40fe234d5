"""Writing outcomes: what a worker reported, its learning curves, and the end of its evaluation."""

from __future__ import annotations

import math
from typing import Any

from spaces.errors import InvalidValueError, StorageError
from spaces.trial import Epoch
from storage import statements
from storage.engine import Session
from storage.entries import FINISHED_STATUSES, NewOutcome
from storage.writes import rows
from storage.writes.evaluations import next_sequence


def record_outcome(session: Session, new: NewOutcome) -> bool:
    """Stores what a worker answered: the evaluation is finished and gets the run's next ``sequence``.

    An attempt that was given up as lost may still answer. Its answer is taken, and the attempt that runs in its place
    is ``superseded``. The loss of a diverged trial is stored as NULL.

    Returns:
        False if that evaluation is finished already; then nothing but the attempt's status is changed.

    Raises:
        StorageError: If no attempt has that token.
        InvalidValueError: If a score, the loss or the duration is not finite.
    """
    _require_finite(new)
    attempt = session.execute(statements.FIND_ATTEMPT, {"of_token": new.token}).first()
    if attempt is None:
        raise StorageError(f"no attempt has the token {new.token!r}: it is of another database, or forged")
    now = rows.now()
    if attempt.status in FINISHED_STATUSES:
        rows.execute(session, statements.SUPERSEDE, of_attempt=attempt.id, to_finished_at=now)
        return False
    evaluation_id = attempt.evaluation_id
    rows.execute(
        session,
        statements.COMPLETE_ATTEMPT,
        of_evaluation=evaluation_id,
        of_attempt=attempt.id,
        to_finished_at=now,
    )
    rows.execute(
        session,
        statements.CHANGE_EVALUATION,
        of_evaluation=evaluation_id,
        sequence=next_sequence(session, evaluation_id),
        worker_id=attempt.worker_id,
        started_at=attempt.started_at,
        finished_at=now,
        **_columns(new),
    )
    if new.outcome.epochs:
        session.execute(statements.INSERT_EPOCHS, [_epoch(evaluation_id, epoch) for epoch in new.outcome.epochs])
    return True


def run_that_waits(session: Session, token: str) -> int | None:
    """The id of the run that waits for the outcome of an attempt; None if no run does."""
    found: int | None = rows.scalar(session, statements.RUN_THAT_WAITS, of_token=token)
    return found


def _require_finite(new: NewOutcome) -> None:
    for name, value in (
        ("loss", new.loss),
        ("duration_s", new.duration_s),
        ("one_shot_score", new.outcome.one_shot_score),
        ("architecture_score", new.outcome.architecture_score),
    ):
        if value is not None and not math.isfinite(value):
            raise InvalidValueError(f"{name} must be a finite number, got {value}")


def _columns(new: NewOutcome) -> dict[str, Any]:
    """The columns of an evaluation that an outcome fills."""
    outcome = new.outcome
    return {
        "status": outcome.status,
        "loss": new.loss if outcome.status == "completed" else None,
        "one_shot_score": outcome.one_shot_score,
        "architecture_score": outcome.architecture_score,
        "architecture": outcome.architecture,
        "parameters": outcome.parameters,
        "kernel": outcome.kernel,
        "device": outcome.device,
        "duration_s": new.duration_s,
        "search_s": rows.finite(outcome.search_s),
        "retrain_s": rows.finite(outcome.retrain_s),
        "message": outcome.message,
        "extras": dict(outcome.extras),
        "fingerprint": outcome.fingerprint,
    }


def _epoch(evaluation_id: int, epoch: Epoch) -> dict[str, Any]:
    alpha = None if epoch.alpha is None else [[rows.finite(value) for value in row] for row in epoch.alpha]
    return {
        "evaluation_id": evaluation_id,
        "phase": epoch.phase,
        "epoch": epoch.epoch,
        "training_loss": rows.finite(epoch.training_loss),
        "training_score": rows.finite(epoch.training_score),
        "validation_loss": rows.finite(epoch.validation_loss),
        "validation_score": rows.finite(epoch.validation_score),
        "alpha": alpha,
    }
