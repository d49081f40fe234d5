"""The only writer of a run that is going on: one transaction for each report, and nothing forgotten if it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from spaces import clock
from spaces.errors import DatabaseBusyError
from spaces.trial import TrialOutcome
from storage import writes
from storage.entries import NewConfiguration, NewEvaluation, WorkerInfo

if TYPE_CHECKING:
    from das_hpo.service.ownership import Ownership
    from storage.engine import Database, Session

Written = TypeVar("Written")


class Recorder:
    """Writes what the master decides and learns; every method but :meth:`transaction` is called within one.

    Not thread-safe: the master calls it while its lock is held. Where a transaction fails (disk full,
    database locked), the master's state is ahead of the database. What the database lacks is kept here and
    written, in the same order, at the begin of the next transaction; only the starts of attempts are not,
    since the answers that would have carried them never left.

    Args:
        database: Where the run is.
        run_id: The run's id in the database.
        ownership: The run's lease, which every transaction renews; None where nobody else can be.
        stop: When it is set, and the last transaction failed, no other one waits for the database.
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
        self.unsaved_outcomes: dict[str, tuple[TrialOutcome, float | None, float]] = {}
        """Outcomes that the database lacks, by token: the other arguments of ``record_outcome``."""
        self._session: Session | None = None
        self._broken: Exception | None = None
        self._unsaved: list[Callable[[Session], None]] = []
        self._block: list[Callable[[Session], None]] = []
        self._tokens: set[str] = set()  # of the outcomes among what is unsaved or in the block
        # An evaluation that had to be written again may have got another row than the one first told.
        self._rows: dict[int, int] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Groups all calls inside into one commit, which is durable when the block has been left.

        Raises:
            StorageError: If that failed, or would only delay the end of a run that is being stopped.
        """
        if self._session is not None:
            raise RuntimeError("a recorder's transactions do not nest")
        if self.failing_since is not None and self._stop.is_set():
            raise DatabaseBusyError(f"the run is being stopped, and its database could not be written: {self.failure}")
        self._block = []
        try:
            with self.database.begin() as session:
                if self._ownership is not None:
                    self._ownership.renew(session)
                for write in self._unsaved:
                    write(session)
                self._session = session
                self._broken = None
                yield
                if self._broken is not None:
                    # PostgreSQL would answer a commit now with a rollback, and not say so.
                    raise self._broken
        except BaseException as error:
            self._unsaved += self._block
            self.failure = error
            if self.failing_since is None:
                self.failing_since = clock.monotonic()
            raise
        finally:
            self._session = None
        self._unsaved = []
        for token in self._tokens:
            self.unsaved_outcomes.pop(token, None)
        self._tokens.clear()
        self.failure = None
        self.failing_since = None

    def add_job(self, configuration: NewConfiguration | None, evaluations: Sequence[NewEvaluation]) -> list[int]:
        """Adds a new configuration, if there is one, and queues evaluations; returns the evaluations' ids."""

        def write(session: Session) -> list[int]:
            if configuration is not None:
                writes.add_configuration(session, self.run_id, configuration)
            return [writes.queue_evaluation(session, self.run_id, evaluation) for evaluation in evaluations]

        ids = self._write(write)

        def write_again(session: Session) -> None:
            self._rows.update(zip(ids, write(session), strict=True))

        self._block.append(write_again)
        return ids

    def start(self, evaluation_id: int, token: str, worker: WorkerInfo) -> int:
        """A worker takes an evaluation; returns the attempt's number."""
        row = self._rows.get(evaluation_id, evaluation_id)
        return self._write(lambda session: writes.start_attempt(session, row, token, worker))

    def end(self, token: str, result: str, message: str, *, final: bool) -> None:
        """An attempt ended without an outcome; if ``final``, its evaluation has failed."""

        def write(session: Session) -> None:
            writes.end_attempt(session, token, result, message, final=final)

        self._write(write)
        self._block.append(write)

    def outcome(self, token: str, outcome: TrialOutcome, loss: float | None, duration_s: float) -> None:
        """An evaluation has its outcome, if it has none yet."""

        def write(session: Session) -> None:
            writes.record_outcome(session, token, outcome, loss, duration_s)

        self._write(write)
        self._block.append(write)
        self._tokens.add(token)
        self.keep(token, outcome, loss, duration_s)

    def keep(self, token: str, outcome: TrialOutcome, loss: float | None, duration_s: float) -> None:
        """Remembers an outcome until a transaction that recorded it has succeeded; may be called outside of one."""
        self.unsaved_outcomes[token] = (outcome, loss, duration_s)

    def _write(self, write: Callable[[Session], Written]) -> Written:
        """Writes now; if that fails the transaction will fail, even where the caller goes on."""
        if self._session is None:
            raise RuntimeError("a recorder writes within its transaction() only")
        try:
            return write(self._session)
        except Exception as error:
            self._broken = error
            raise
