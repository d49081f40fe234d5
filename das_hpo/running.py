"""Runs one stored run: takes its lease, connects spool, dispatcher and local workers, watches them, shuts down.

A run ends when all is evaluated, when its time limit is over, or when ``stop`` is set; what is done by then is in the
database, or beside it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from das_hpo.durations import format_duration
from das_hpo.launching.cluster import Cluster
from das_hpo.progress import Snapshot
from das_hpo.service.ownership import Ownership
from das_hpo.service.queue import Attempt
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from spaces import clock
from spaces.errors import ClusterError, DasHpoError, DatabaseBusyError, StorageError
from storage import queries, writes
from storage.engine import Database
from storage.entries import RUN_REQUESTS
from storage.records import Replay, RunRecord
from storage.spool import Spool

if TYPE_CHECKING:
    from das_hpo.service.dispatcher import Dispatcher

#: After the end of new work, running evaluations are awaited for so long.
GRACE_S = 1.0

#: How often it is looked whether the run's user wants it to end, and how often the lease is renewed at least.
REQUEST_S = 3.0

#: Why a run ends, by what its user has asked for.
ASKED = {"cancel": "it was cancelled", "pause": "it was paused"}

#: How often the run is looked after: its limits, its lease, its progress.
_TICK_S = 0.2

_T = TypeVar("_T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run: Its name.
        status: ``completed``, ``interrupted``, ``cancelled`` or ``paused``.
        message: Why it ended early; None if it did not.
        snapshot: Where it is.
        signalled: Whether its user ended it, by a signal or a request: then the command's exit status is 130.
    """

    run: str
    status: str
    message: str | None
    snapshot: Snapshot
    signalled: bool


#: Makes the work of a stored run: new, or brought to where it was. Gives the open attempts, too.
Maker = Callable[[Replay, Recorder, int | None], tuple[RecordedQueue, list[Attempt]]]


class Execution:
    """Runs one stored run: connects, serves workers, shuts down.

    Args:
        database: Has the run.
        record: The run.
        make: Makes its queue.
        cluster: Where and by whom it is evaluated.
        stop: Ends the run when it is set.
        progress: Is told where the run is, a few times a second.
    """

    def __init__(
        self,
        database: Database,
        record: RunRecord,
        make: Maker,
        cluster: Cluster,
        stop: threading.Event,
        progress: Callable[[Snapshot], None] | None,
    ) -> None:
        self._database = database
        self._record = record
        self._make = make
        self._cluster = cluster
        self._stop = stop
        self._progress = progress
        self._ownership = Ownership(database, record.id, record.name)
        self._recorder = Recorder(database, record.id, self._ownership, stop)
        self._spool = Spool(database.location.spool)

    def run(
        self, time_limit_s: float | None = None, settings: dict[str, Any] | None = None, fingerprint: str | None = None
    ) -> RunOutcome:
        """Takes the run's lease, serves the run, and gives the lease back.

        Args:
            time_limit_s: Seconds after which it ends; None for what the settings say.
            settings: What replaces the stored settings, now that nobody else serves the run; None if nothing does.
            fingerprint: Of the code by which it goes on, in place of the stored one; None if that stays.
        """
        self._ownership.take(self._stop)
        why = "an error"
        try:
            self._change(settings or self._record.settings, fingerprint or self._record.fingerprint)
            outcome = self._serve(time_limit_s)
            why = ""
            return outcome
        except KeyboardInterrupt:
            why = "interrupted"
            raise
        except DasHpoError as error:
            why = str(error)
            raise
        finally:
            self._leave(why)

    def _serve(self, time_limit_s: float | None) -> RunOutcome:
        taken = self._patiently(lambda: self._spool.take_in(self._database, self._record.id, self._ownership.hold))
        if taken.recorded or taken.refused:
            log.info("%d outcomes that could not be written before are in, %d refused", taken.recorded, taken.refused)
        self._spool.reserve()
        self._set_status("running", None)
        self._ownership.request = None  # what was asked before is done with
        replay = queries.replay(self._database, self._record.id)
        work, attempts = self._make(replay, self._recorder, self._cluster.parallel)
        if self._cluster.own:
            # The workers that had them were this run's own, and ended with it.
            work.give_up(attempts, "the run was interrupted, and its workers with it")
            attempts = []
        settings = replay.run.settings
        with (
            self._cluster.dispatcher(
                work,
                self._record,
                attempts,
                settings.get("evaluation_timeout_s"),
                self._stop,
            ) as dispatcher,
            self._cluster.serving(dispatcher),
        ):
            why = self._watch(work, dispatcher, time_limit_s or settings.get("time_limit_s"))
            if why is not None:
                self._wind_down(work, dispatcher, why)
        snapshot = work.snapshot()
        self._show(snapshot)
        status = "completed" if work.complete else "interrupted"
        if work.complete:
            why = None
        asked = why is not None and why == ASKED.get(self._ownership.request or "")
        try:
            self._patiently(lambda: _write_what_is_left(work))
            self._set_status(status, why)
        except StorageError as error:
            if not self._stop.is_set():
                raise
            log.warning("the run is stopped while its database cannot be written, resume takes in the rest: %s", error)
            status = "interrupted"
            why = why or "interrupted by a signal"
        if asked and self._ownership.request is not None:
            status = RUN_REQUESTS[self._ownership.request]
        signalled = asked or (self._stop.is_set() and why is not None)
        return RunOutcome(self._record.name, status, why, snapshot, signalled=signalled)

    def _watch(self, work: RecordedQueue, dispatcher: Dispatcher, time_limit_s: float | None) -> str | None:
        """Waits for the end; returns why it came early, None if all is evaluated."""
        begun = renewed = clock.monotonic()
        while True:
            now = clock.monotonic()
            left_s = None if time_limit_s is None else time_limit_s - (now - begun)
            self._show(work.snapshot(dispatcher.number_of_workers(), left_s))
            failing_since = self._recorder.failing_since
            if work.complete and failing_since is None:
                return None
            if self._stop.is_set():
                return "interrupted by a signal"
            asked = self._asked(work, dispatcher)
            if asked is not None:
                return asked
            if left_s is not None and left_s <= 0:
                return f"its time limit of {format_duration(time_limit_s or 0)} is over"
            hopeless = self._recorder.hopeless(self._cluster.service.failing_s)
            if hopeless is not None:
                raise StorageError(f"the run is stopped, as nothing can be recorded: {hopeless}")
            if dispatcher.displaced_by:
                raise ClusterError(
                    f"the run is stopped, as another of its name is being served at {dispatcher.displaced_by}: "
                    "end that one, then resume this one"
                )
            if self._cluster.lost:
                raise ClusterError("the run is stopped, as all local workers ended again and again: see the log above")
            if now - renewed > (REQUEST_S if failing_since is None else 1.0):
                renewed = now
                self._renew(work)
            with work.condition:
                if not self._stop.is_set() and (not work.complete or failing_since is not None):
                    work.condition.wait(_TICK_S)

    def _asked(self, work: RecordedQueue, dispatcher: Dispatcher) -> str | None:
        """Why the run ends now, if its user asked for it; to be paused, it first finishes what is being computed."""
        request = self._ownership.request
        if request is None:
            return None
        why = ASKED[request]
        if request == "pause":
            if work.stopped is None:
                log.warning("the run is paused: %d evaluations are being computed, and awaited", dispatcher.running)
            work.stop(why)
            dispatcher.paused = True
            if dispatcher.running:
                return None
        return why

    def _renew(self, work: RecordedQueue) -> None:
        """Keeps the lease while nothing is reported, and writes what could not be written before.

        Raises:
            ClusterError: If another process serves the run.
        """
        try:
            with work.condition, work.transaction():
                pass
        except StorageError as error:
            log.warning("the database cannot be written, trying again: %s", error)

    def _wind_down(self, work: RecordedQueue, dispatcher: Dispatcher, why: str) -> None:
        """No new work; what is running is awaited for a moment."""
        work.stop(why)
        dispatcher.paused = True
        if why == ASKED["cancel"] and not self._cluster.own:
            dispatcher.withdraw(f"the run ends early: {why}")
        until = clock.monotonic() + GRACE_S
        while dispatcher.running and clock.monotonic() < until:
            with work.condition:
                work.condition.wait(0.05)
        self._cluster.end_workers()
        self._show(work.snapshot(dispatcher.number_of_workers()))

    def _leave(self, why: str) -> None:
        """Keeps what could not be written, and gives the lease back, as far as that can be done."""
        for outcome in self._recorder.unsaved_outcomes.values():
            try:
                self._spool.put(outcome)
            except DasHpoError:
                log.exception("an outcome is lost")
        self._spool.release()
        try:
            if self._recorder.failing_since is not None and self._stop.is_set():
                return  # it would wait for the database once more; a resume sees that this process has ended
            if why:
                with self._database.begin() as session:
                    self._ownership.hold(session)
                    writes.set_run_status(session, self._record.id, "interrupted", why)
            self._ownership.release()
        except DasHpoError as error:
            log.warning("the run's lease runs out by itself: %s", error)

    def _change(self, settings: dict[str, Any], fingerprint: str | None) -> None:
        """Stores other settings, or another fingerprint, of the run."""
        record = self._record
        if settings == record.settings and fingerprint == record.fingerprint:
            return

        def write() -> None:
            with self._database.begin() as session:
                self._ownership.hold(session)
                writes.set_run_settings(session, record.id, settings)
                if fingerprint is not None:
                    writes.set_run_fingerprint(session, record.id, fingerprint)

        self._patiently(write)
        self._record = replace(record, settings=settings, fingerprint=fingerprint)

    def _set_status(self, status: str, message: str | None) -> None:
        """Writes how the run stands."""

        def write() -> None:
            with self._database.begin() as session:
                self._ownership.hold(session)
                writes.set_run_status(session, self._record.id, status, message)

        self._patiently(write)

    def _patiently(self, write: Callable[[], _T]) -> _T:
        """Writes; while the database cannot be written at present, it is tried again for a while."""
        return patiently(write, self._stop, self._cluster.service.failing_s)

    def _show(self, snapshot: Snapshot) -> None:
        if self._progress is not None:
            self._progress(snapshot)


def patiently(write: Callable[[], _T], stop: threading.Event, seconds: float) -> _T:
    """Writes to a database; where it cannot be written at present, it is tried again.

    Args:
        write: Makes one transaction or more, and may be called again after it raised.
        stop: Ends the trying.
        seconds: So long it is tried.

    Raises:
        DatabaseBusyError: As ``write`` did at last.
    """
    until = clock.monotonic() + seconds
    while True:
        try:
            return write()
        except DatabaseBusyError as error:
            if stop.is_set() or clock.monotonic() > until:
                raise
            log.warning("the database cannot be written, trying again: %s", error)
            stop.wait(1.0)


def _write_what_is_left(work: RecordedQueue) -> None:
    """Whatever the commit before could not write."""
    with work.condition, work.transaction():
        pass
