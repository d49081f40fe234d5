"""A worker's computation: errors in it become text, signals end it, and it is stopped when nobody wants its outcome."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from spaces.texts import cleaned
from spaces.trial import TrialOutcome, TrialSpec
from workers.transport.messages import MAX_MESSAGE_LENGTH
from workers.transport.wire import native, require_room

Compute = Callable[[Sequence[TrialSpec]], Sequence[TrialOutcome]]

#: The signals that tell a worker to end; see :mod:`workers.worker.ending`.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGALRM)

#: With this one the heartbeat's thread interrupts the computation of an outcome that is not wanted any more.
_ABANDON = signal.SIGUSR2

log = logging.getLogger(__name__)


class Interrupted(BaseException):
    """Raised in the computation by a signal: the worker ends."""


class Abandoned(BaseException):
    """Raised in the computation when its outcome is not wanted any more."""


class Computation:
    """Runs computations on the thread that calls :meth:`results`; the heartbeat's thread may call :meth:`give_up`.

    Args:
        compute: Computes trials of equal shape.
        stopping: Whether the worker has been told to end.
    """

    def __init__(self, compute: Compute, stopping: Callable[[], bool]) -> None:
        self._compute = compute
        self._stopping = stopping
        self._computing = False
        self._in_hand: frozenset[str] = frozenset()
        self._unwanted: frozenset[str] = frozenset()
        self._handles_signals = False
        self._thread = 0

    def results(self, specs: Sequence[TrialSpec], tokens: frozenset[str]) -> list[TrialOutcome | str]:
        """An outcome, or the text of the error, for each trial; a batch that raises an error is repeated one by one.

        Args:
            specs: Trials of equal shape.
            tokens: Their attempts: the computation is given up when none of these is wanted any more.

        Raises:
            Interrupted: If a signal ends the worker.
            Abandoned: If none of the outcomes is wanted any more.
        """
        try:
            return list(self._guarded(specs, tokens))
        except (Abandoned, Interrupted):
            raise
        except BaseException as error:  # noqa: BLE001 (even SystemExit: a trial must not end the worker)
            text = cleaned("".join(traceback.format_exception(error)))[-MAX_MESSAGE_LENGTH:]
            log.error("an evaluation raised: %s", text.strip().rpartition("\n")[2])
            if len(specs) == 1:
                return [text]
        return [self.results([spec], tokens)[0] for spec in specs]

    def give_up(self, unwanted: frozenset[str]) -> bool:
        """Interrupts the computation if all its tokens are among ``unwanted``; returns whether it did."""
        self._unwanted = unwanted
        in_hand = self._in_hand
        if not self._handles_signals or not in_hand or not in_hand <= unwanted:
            return False
        signal.pthread_kill(self._thread, _ABANDON)
        return True

    @contextlib.contextmanager
    def interruptible(self, on_signal: Callable[[int], bool], wake_fd: int) -> Iterator[None]:
        """Signals may end the computation while the block lasts; only the main thread can have that.

        Args:
            on_signal: Called in the handler of each of :data:`SIGNALS` with its number; returns whether the
                computation is to be interrupted.
            wake_fd: A byte is written to this file descriptor when a signal comes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, _frame: FrameType | None) -> None:
            if on_signal(number) and self._computing:
                raise Interrupted

        def abandon(_number: int, _frame: FrameType | None) -> None:
            if self._computing and self._in_hand <= self._unwanted:
                raise Abandoned

        self._thread = threading.get_ident()
        handlers = {**dict.fromkeys(SIGNALS, stop), _ABANDON: abandon}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        wakeup = signal.set_wakeup_fd(wake_fd, warn_on_full_buffer=False)
        self._handles_signals = True
        try:
            yield
        finally:
            self._handles_signals = False
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _guarded(self, specs: Sequence[TrialSpec], tokens: frozenset[str]) -> Sequence[TrialOutcome]:
        """Computes; signals may interrupt it."""
        try:
            self._in_hand = tokens
            self._computing = True
            if self._stopping() and self._handles_signals:
                raise Interrupted
            outcomes = self._compute(specs)
        finally:
            self._computing = False
            self._in_hand = frozenset()
        if len(outcomes) != len(specs):
            raise RuntimeError(
                f"{len(specs)} trials were computed, and {len(outcomes)} outcomes returned: each trial needs one"
            )
        return [_sendable(outcome) for outcome in outcomes]


def _sendable(outcome: TrialOutcome) -> TrialOutcome:
    """The outcome in builtin types and with clean texts, as a dispatcher accepts it.

    Raises:
        DasHpoError: If no dispatcher would accept it; this then counts as the error of the evaluation.
    """
    values = native(outcome.to_dict())
    require_room(values, "the outcome")
    return TrialOutcome.from_mapping(values)
