"""Random histories of a run, on both kinds of database, against a model of a few lines."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from spaces.errors import StorageError
from storage import maintenance, queries, writes
from storage.engine import Database
from storage.entries import NewOutcome


@dataclass
class Model:
    """What must be true of one evaluation, kept in plain Python."""

    status: str = "queued"
    sequence: int | None = None
    psnr: float | None = None
    attempts: list[str] = field(default_factory=list)


class History:
    """Applies random steps to the database and to the models alike."""

    def __init__(self, database: Database, samples: Any, seed: int) -> None:
        self.choose = random.Random(seed)
        self.database, self.samples = database, samples
        self.models: dict[int, Model] = {}
        self.tokens: dict[str, tuple[int, int]] = {}
        self.finished = 0
        with database.begin() as session:
            self.run_id = writes.create_run(session, samples.run())

    def step(self, session: Any) -> None:
        """One thing that a master might do, or a worker bring, in whatever order."""
        kinds = [self.queue, self.start, self.start, self.end, self.report, self.report]
        self.choose.choice(kinds)(session)

    def queue(self, session: Any) -> None:
        """A new evaluation."""
        self.models[self.samples.queue(session, self.run_id, len(self.models))] = Model()

    def start(self, session: Any) -> None:
        """A worker takes one; only queued ones can be taken."""
        if not self.models:
            return
        key, model = self.choose.choice(list(self.models.items()))
        token = f"token-{len(self.tokens)}"
        if model.status != "queued":
            with pytest.raises(StorageError, match="only queued ones start"):
                writes.start_attempt(session, key, token, self.samples.worker)
            return
        model.attempts.append("running")
        assert writes.start_attempt(session, key, token, self.samples.worker) == len(model.attempts)
        model.status = "running"
        self.tokens[token] = (key, len(model.attempts) - 1)

    def end(self, session: Any) -> None:
        """An attempt, old or new, is lost, handed back or wrong, perhaps for the last time."""
        if not self.tokens:
            return
        token = self.choose.choice(list(self.tokens))
        key, place = self.tokens[token]
        model = self.models[key]
        result, final = self.choose.choice(["lost", "handed-back", "error"]), self.choose.random() < 0.3
        running = model.attempts[place] == "running"
        assert writes.end_attempt(session, token, result, "because", final=final) is running
        if running:
            model.attempts[place] = result
            self._finish(model, "failed") if final else setattr(model, "status", "queued")

    def report(self, session: Any) -> None:
        """An outcome comes, of an attempt old or new."""
        if not self.tokens:
            return
        token = self.choose.choice(list(self.tokens))
        key, place = self.tokens[token]
        model = self.models[key]
        psnr = round(self.choose.uniform(10, 25), 3)
        outcome = self.samples.diverged() if self.choose.random() < 0.2 else self.samples.outcome(psnr)
        new = model.sequence is None
        assert writes.record_outcome(session, NewOutcome(token, outcome, outcome.loss("one-shot"), 1.0)) is new
        if new:
            model.attempts = ["superseded" if status == "running" else status for status in model.attempts]
            model.attempts[place] = "completed"
            model.psnr = outcome.one_shot_score
            self._finish(model, outcome.status)

    def _finish(self, model: Model, status: str) -> None:
        self.finished += 1
        model.status, model.sequence = status, self.finished

    def compare(self) -> None:
        """The database and the models say the same."""
        replay = queries.replay(self.database, self.run_id)
        assert [evaluation.id for evaluation in replay.evaluations] == list(self.models)
        attempts: dict[int, list[str]] = {key: [] for key in self.models}
        for attempt in queries.attempts(self.database, "first"):
            attempts[attempt.evaluation_id].append(attempt.status)
        for evaluation, model in zip(replay.evaluations, self.models.values(), strict=True):
            assert (evaluation.status, evaluation.sequence) == (model.status, model.sequence)
            assert evaluation.one_shot_score == model.psnr
            assert evaluation.attempts == len(model.attempts)
            assert evaluation.failures == sum(status in ("lost", "error") for status in model.attempts)
            assert attempts[evaluation.id] == model.attempts
        running = {
            token for token, (key, place) in self.tokens.items() if self.models[key].attempts[place] == "running"
        }
        assert {attempt.token for attempt in replay.attempts} == running
        assert [evaluation.sequence for evaluation in replay.finished] == list(range(1, self.finished + 1))


@pytest.mark.parametrize("seed", range(4))
def test_random_histories(database: Database, url: str, samples: Any, seed: int) -> None:
    """Losses, late and repeated reports in any order: the database keeps the model's state and stays sound."""
    history = History(database, samples, seed)
    for _ in range(12):
        with database.begin() as session:
            for _ in range(history.choose.randint(1, 20)):
                history.step(session)
        history.compare()
    assert history.finished > 5
    assert maintenance.check(url) == []


@pytest.mark.parametrize("seed", range(2))
def test_undone_transactions_leave_no_trace(database: Database, url: str, samples: Any, seed: int) -> None:
    """Whatever is done in a transaction that fails at its end, the next state is the one before it."""
    history = History(database, samples, seed)
    with database.begin() as session:
        for _ in range(60):
            history.step(session)
    before = queries.replay(database, history.run_id), queries.results(database), queries.epochs(database, "first")

    def fail() -> None:
        other = History.__new__(History)
        other.__dict__.update(history.__dict__ | {"models": dict(history.models), "tokens": dict(history.tokens)})
        with database.begin() as session:
            for _ in range(20):
                other.queue(session)
            writes.set_run_status(session, history.run_id, "failed")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    after = queries.replay(database, history.run_id), queries.results(database), queries.epochs(database, "first")
    assert after == before
    assert maintenance.check(url) == []
