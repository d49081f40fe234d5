"""Which master a run belongs to: a lease in the database, renewed with every commit.

Two masters of one run would give out the same work twice. The lease refuses the second, and stops a first
that slept (SIGSTOP, a closed laptop) until another one took over.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import socket
import threading
from typing import TYPE_CHECKING

from spaces import clock
from spaces.errors import ClusterError, DatabaseBusyError
from spaces.texts import cleaned
from storage import queries, writes
from storage.owners import lives, realm, started

if TYPE_CHECKING:
    from storage.engine import Database, Session
    from storage.records import RunLease

#: A lease that was not renewed for so long is free.
LEASE_S = 20.0

#: A lease that was not renewed while we looked for so many times its length is free, whatever the clock of the database
#: says: it may have been set back.
_FORSAKEN = 1.25

#: How often a waiting master looks.
_LOOK_EVERY_S = 0.5

log = logging.getLogger(__name__)


class Ownership:
    """The lease of one run: taken with :meth:`take`, kept with :meth:`hold`, given back with :meth:`release`.

    Args:
        database: Where the run is.
        run_id: Its id.
        run_name: Its name.
        renew_every_s: Commits within so many seconds of a renewal trust it.
    """

    def __init__(self, database: Database, run_id: int, run_name: str, *, renew_every_s: float = 1.0) -> None:
        self.owner = process_identity()
        self._database = database
        self._run_id = run_id
        self._run_name = run_name
        self._renew_every_s = renew_every_s
        self._renewed = -math.inf

    def take(self, stop: threading.Event | None = None) -> None:
        """Takes the lease; waits for that of a master that does not renew it any more.

        Args:
            stop: Ends the waiting when it is set.

        Raises:
            KeyboardInterrupt: If ``stop`` ended the waiting.
            ClusterError: If a living master has it.
            DatabaseBusyError: If the run's row stays locked for longer than any master may hold it.
        """
        stop = stop or threading.Event()
        first = queries.lease(self._database, self._run_name)
        begun = clock.monotonic()
        waits = False
        while True:
            held = queries.lease(self._database, self._run_name)
            try:
                if self._try_to_take(held, forsaken=clock.monotonic() - begun > _FORSAKEN * LEASE_S):
                    return
            except DatabaseBusyError:
                # A master that stands still within a transaction: the database ends that when its lease has run out.
                if held is None or clock.monotonic() - begun > 3 * LEASE_S:
                    raise
            renewed = held is not None and (first is None or held.expires_at != first.expires_at)
            if held is not None and (renewed or lives(held.owner) is True):
                host, pid = held.owner.split(":")[:2]
                raise ClusterError(
                    f"the run {self._run_name!r} is being run by process {pid} on {host}: stop that one first"
                )
            if not waits:
                waits = True
                log.warning("another das-hpo had the run %s: waiting until its lease has run out", self._run_name)
            if stop.wait(_LOOK_EVERY_S):
                raise KeyboardInterrupt

    def hold(self, session: Session) -> None:
        """Makes sure, at the begin of a transaction, that the run is ours, and renews the lease if it is time to.

        Raises:
            ClusterError: If another master has it; then nothing more may be written.
        """
        now = clock.boottime()
        renew = now - self._renewed >= self._renew_every_s
        if not writes.hold_lease(session, self._run_id, self.owner, LEASE_S):
            raise ClusterError(f"the run {self._run_name!r} was taken over by another das-hpo: this one stops")
        if renew:
            writes.renew_lease(session, self._run_id, self.owner, LEASE_S)
            self._renewed = now

    def _try_to_take(self, held: RunLease | None, *, forsaken: bool) -> bool:
        with self._database.begin() as session:
            if held is not None and (forsaken or lives(held.owner) is False):
                writes.release_lease(session, self._run_id, held.owner)
            return writes.take_lease(session, self._run_id, self.owner, LEASE_S)

    def release(self) -> None:
        """Gives the lease back."""
        with self._database.begin() as session:
            writes.release_lease(session, self._run_id, self.owner)


def process_identity() -> str:
    """Names this process among all that may ever run a run, and says where it can be seen whether it lives."""
    pid = os.getpid()
    return ":".join([cleaned(socket.gethostname()), str(pid), started(pid), realm(), secrets.token_hex(4)])
