"""The only writer of a run that is served: one transaction for each report, repeated if it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from das_hpo.service.queue import HANDED_BACK, Evaluation
from spaces import clock
from spaces.errors import DatabaseBusyError, StorageError
from storage import writes
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome, WorkerInfo

if TYPE_CHECKING:
    from das_hpo.service.ownership import Ownership
    from storage.engine import Database, Session

Written = TypeVar("Written")

#: An evaluation whose start the database refused this often has another state there than in this process.
MOST_REFUSED_STARTS = 3

#: After this many failures in a row at least, nothing new can be recorded.
FAILURES_IN_A_ROW = 5


@dataclass(slots=True)
class Trouble:
    """The transactions with something new that failed since the last one that succeeded."""

    error: BaseException | None = None
    count: int = 0
    first: float = 0.0
    latest: float = 0.0

    def note(self, error: BaseException) -> None:
        """Notes another one that failed."""
        self.latest = clock.monotonic()
        self.first = self.first if self.count else self.latest
        self.count += 1
        self.error = error

    def lasts(self, seconds: float) -> bool:
        """Whether several failed, over more than so many seconds."""
        return self.count >= FAILURES_IN_A_ROW and self.latest - self.first > seconds


class Recorder:
    """Writes the decisions and results of a run; every method but :meth:`transaction` is called within a transaction.

    Not thread-safe: callers hold the queue's condition. If a transaction fails (disk full, database locked), the
    queue in memory is ahead of the database. The writes that the database lacks are kept here and repeated, in the same
    order, at the start of the next transaction. A commit whose answer was lost may have succeeded all the same, so a
    repeated write first looks what is there. Starts of attempts are not repeated but taken back, since the workers were
    never told of them.

    Args:
        database: Where the run is.
        run_id: The run's id in the database.
        ownership: The run's lease, which transactions renew; None if no other process can serve the run.
        stop: Once it is set and the last transaction has failed, no further transaction is tried.
    """

    def __init__(
        self,
        database: Database,
        run_id: int,
        ownership: Ownership | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.database = database
        self.run_id = run_id
        self._ownership = ownership
        self._stop = stop or threading.Event()
        self.failure: BaseException | None = None
        """Why the last transaction failed; None if it did not."""
        self.failing_since: float | None = None
        """Monotonic seconds when transactions began to fail; None if the last one succeeded."""
        self.unsaved_outcomes: dict[str, NewOutcome] = {}
        """Outcomes that the database lacks, by token."""
        self._session: Session | None = None
        self._broken: Exception | None = None
        self._unsaved: list[Callable[[Session], None]] = []
        self._block: list[Callable[[Session], None]] = []
        self._tokens: set[str] = set()  # of the outcomes among what is unsaved or in the block
        self._trouble = Trouble()
        self._refused_starts: dict[int, list[StorageError]] = {}
        # An evaluation that was written again may have another id in the database than the one that was returned first.
        self._rows: dict[int, int] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Groups all calls inside into one commit, which is durable when the block has been left.

        Raises:
            StorageError: If the commit failed, or the run is being stopped and the last one failed.
        """
        if self._session is not None:
            raise RuntimeError("a recorder's transactions do not nest")
        if self.failing_since is not None and self._stop.is_set():
            raise DatabaseBusyError(f"the run is being stopped, and its database could not be written: {self.failure}")
        self._block = []
        try:
            with self.database.begin() as session:
                if self._ownership is not None:
                    self._ownership.hold(session)
                for write in self._unsaved:
                    write(session)
                self._session = session
                self._broken = None
                yield
                if self._broken is not None:
                    # PostgreSQL would now roll back instead of committing, without an error.
                    raise self._broken
        except BaseException as error:
            self._unsaved += self._block
            self.failure = error
            if self.failing_since is None:
                self.failing_since = clock.monotonic()
            self._trouble.note(error)
            raise
        finally:
            self._session = None
        if self._block:
            self._trouble = Trouble()
        self._unsaved = []
        for token in self._tokens:
            self.unsaved_outcomes.pop(token, None)
        self._tokens.clear()
        self.failure = None
        self.failing_since = None

    def add_job(self, configuration: NewConfiguration | None, evaluations: Sequence[NewEvaluation]) -> list[Evaluation]:
        """Adds a new configuration, if there is one, and queues evaluations of it; returns them with their ids."""

        def write(session: Session) -> list[int]:
            if configuration is not None:
                writes.add_configuration(session, self.run_id, configuration)
            return [writes.queue_evaluation(session, self.run_id, evaluation) for evaluation in evaluations]

        ids = self._write(write)

        def write_again(session: Session) -> None:
            if configuration is not None:
                writes.add_configuration(session, self.run_id, configuration, again=True)
            for first_told, evaluation in zip(ids, evaluations, strict=True):
                self._rows[first_told] = writes.queue_evaluation(session, self.run_id, evaluation, again=True)

        self._block.append(write_again)
        return [Evaluation.stored(new, id) for new, id in zip(evaluations, ids, strict=True)]

    def start(self, evaluation_id: int, token: str, worker: WorkerInfo) -> int:
        """A worker starts an attempt at an evaluation; returns the attempt's number, from 1."""
        row = self._rows.get(evaluation_id, evaluation_id)
        sound = self._broken is None
        try:
            number = self._write(lambda session: writes.start_attempt(session, row, token, worker))
        except StorageError as error:
            if sound and not isinstance(error, DatabaseBusyError):
                self._refused_starts.setdefault(row, []).append(error)
            raise
        self._refused_starts.pop(row, None)

        def take_back(session: Session) -> None:
            why = "the commit that began it was not confirmed, so that no worker was told of it"
            writes.end_attempt(session, token, HANDED_BACK, why, final=False)

        self._block.append(take_back)
        return number

    def end(self, token: str, result: str, message: str, *, final: bool) -> None:
        """An attempt ended without an outcome; if ``final``, its evaluation has failed."""

        def write(session: Session) -> None:
            writes.end_attempt(session, token, result, message, final=final)

        self._write(write)
        self._block.append(write)

    def outcome(self, new: NewOutcome) -> None:
        """An evaluation has its outcome, if it has none yet."""

        def write(session: Session) -> None:
            writes.record_outcome(session, new)

        self._write(write)
        self._block.append(write)
        self._tokens.add(new.token)
        self.keep(new)

    def keep(self, new: NewOutcome) -> None:
        """Keeps an outcome until a transaction has recorded it; may be called outside of a transaction."""
        self.unsaved_outcomes[new.token] = new

    def hopeless(self, patience_s: float) -> BaseException | None:
        """The error for which the run should end: nothing can be recorded, and trying again has not helped. Else None.

        Args:
            patience_s: For how many seconds nothing, or nothing new, could be written before the run should end.
        """
        now = clock.monotonic()
        if self.failing_since is not None and now - self.failing_since > patience_s:
            return self.failure
        if self._trouble.lasts(patience_s):
            return self._trouble.error
        refused = (errors[-1] for errors in self._refused_starts.values() if len(errors) >= MOST_REFUSED_STARTS)
        return next(refused, None)

    def _write(self, write: Callable[[Session], Written]) -> Written:
        """Writes now; if that fails, the transaction fails at its end even if the caller catches the error."""
        if self._session is None:
            raise RuntimeError("a recorder writes within its transaction() only")
        if self._broken is not None:
            raise self._broken  # PostgreSQL would refuse this write as well, with a less helpful error
        try:
            return write(self._session)
        except Exception as error:
            self._broken = error
            raise
