"""A run's entry in the nameserver: one run of a name at a time, even if one of two processes stands still for a while.

Workers find a run by its name. Two runs of one name (from two databases) could not be told apart: each would drop the
reports of the other's workers. The nameserver does not overwrite an entry that is renewed from another address; this
module is what a dispatcher does then.
"""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from spaces import clock
from spaces.errors import ClusterError, RunExistsError

#: What is at the address of an entry: a dispatcher, certainly no dispatcher, or nothing that answers.
ALIVE = "alive"
DEAD = "dead"
SILENT = "silent"

#: Seconds between two renewals of the entry, and until the next try after a renewal that failed.
REGISTER_EVERY_S = 5.0
RETRY_S = 1.0

#: The nameserver removes an entry that was not renewed for this many seconds.
EXPIRY_S = 30.0

#: How many seconds a new run waits at most until the entry of a run that does not answer is removed.
_PATIENCE_S = EXPIRY_S + 10.0

log = logging.getLogger(__name__)


class NameDirectory(Protocol):
    """The nameserver as a dispatcher uses it; :class:`workers.transport.directory.Directory` is one."""

    def dispatchers(self, worker: str = "") -> tuple[dict[str, str], float]:
        """The dispatchers' addresses by run, and in how many seconds to ask again."""
        ...

    def enter(self, run: str, where: str, before: str = "") -> str:
        """Enters or renews an address, replacing none but ``before``; returns the address that is entered now."""
        ...


class Probe(Protocol):
    """Finds out whether a dispatcher answers at an address."""

    def __call__(self, where: str) -> str:
        """ALIVE, DEAD or SILENT."""
        ...


class Registration:
    """The entry of one run.

    Args:
        run: The run's name.
        probe: Finds out what is at the address of another entry.
        stop: Ends waiting when it is set.
    """

    def __init__(self, run: str, probe: Probe, stop: threading.Event) -> None:
        self._run = run
        self._probe = probe
        self._stop = stop
        self._reachable = True
        self.where = ""
        """Our address, once it is entered."""
        self.displaced_by = ""
        """The address of another run of this name that has taken this one's entry; empty if none has."""

    def begin(self, directory: NameDirectory, where: str) -> None:
        """Enters the run.

        The entry of a process that was killed is replaced at once. If its process does not answer, it may only stand
        still: then this waits until the nameserver has removed the entry.

        Raises:
            RunExistsError: If a run of that name is being served.
            KeyboardInterrupt: If ``stop`` ended the waiting.
            ClusterError: If the nameserver cannot be asked.
        """
        until = clock.monotonic() + _PATIENCE_S
        waits = False
        while True:
            before = directory.dispatchers()[0].get(self._run, "")
            found = self._probe(before) if before and before != where else DEAD
            if found == ALIVE:
                raise self._taken(before)
            if found == DEAD:
                entered = directory.enter(self._run, where, before)
                if entered == where:
                    self.where = where
                    return
            if clock.monotonic() >= until:
                raise self._taken(before)
            if not waits:
                waits = True
                log.warning(
                    "a run named %s was served at %s, which does not answer now: waiting up to %.0f s until the "
                    "nameserver has removed it",
                    self._run,
                    _address(before),
                    _PATIENCE_S,
                )
            if self._stop.wait(RETRY_S):
                raise KeyboardInterrupt

    def renew(self, directory: NameDirectory) -> float | None:
        """Renews the entry, which the nameserver forgets when it is restarted.

        Returns:
            In how many seconds to renew it again; None if another run has the name now, so that this one must end.
        """
        try:
            entered = directory.enter(self._run, self.where)
        except ClusterError as error:
            if self._reachable:
                log.warning("going on without the nameserver: %s", error)
            self._reachable = False
            return RETRY_S
        if not self._reachable:
            log.info("the nameserver answers again")
        self._reachable = True
        if entered != self.where:
            log.error("another run named %s is being served at %s: this one stops", self._run, _address(entered))
            self.displaced_by = _address(entered)
            return None
        return REGISTER_EVERY_S

    def _taken(self, where: str) -> RunExistsError:
        return RunExistsError(
            f"a run named {self._run} is being served at {_address(where)} already, "
            "and workers could not tell the two apart: give this one another name"
        )


def _address(where: str) -> str:
    """``HOST:PORT`` of a URI."""
    return where.rpartition("@")[2]
