"""Which process serves a run: a lease in the database, renewed with every commit.

Two processes that serve one run would give out the same work twice. The lease refuses the second one, and stops a first
one that slept (SIGSTOP, a closed laptop) while another process took the run over.
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

#: A lease that was not renewed for this many seconds is free.
LEASE_S = 20.0

#: A lease that was not renewed while this process watched it for so many times its length is free, whatever the
#: database's clock says: that clock may have been set back.
_FORSAKEN = 1.25

#: Seconds between two looks at a lease that is waited for.
_LOOK_EVERY_S = 0.5

log = logging.getLogger(__name__)


class Ownership:
    """The lease of one run: taken with :meth:`take`, kept with :meth:`hold`, given back with :meth:`release`.

    Args:
        database: Where the run is.
        run_id: Its id.
        run_name: Its name.
        renew_every_s: The lease is renewed by the first commit that comes this many seconds after the last renewal.
    """

    def __init__(self, database: Database, run_id: int, run_name: str, *, renew_every_s: float = 1.0) -> None:
        self.owner = process_identity()
        self._database = database
        self._run_id = run_id
        self._run_name = run_name
        self._renew_every_s = renew_every_s
        self._renewed = -math.inf
        self.request: str | None = None
        """What the user has asked of the run, ``cancel`` or ``pause``, as of the last renewal."""

    def take(self, stop: threading.Event | None = None) -> None:
        """Takes the lease; waits for the end of a lease that another process does not renew any more.

        Args:
            stop: Ends the waiting when it is set.

        Raises:
            KeyboardInterrupt: If ``stop`` ended the waiting.
            ClusterError: If a living process has it.
            DatabaseBusyError: If the run's row stays locked for longer than any process may lock it.
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
            except DatabaseBusyError as error:
                # A process stands still within a transaction: PostgreSQL ends that when the lease has run out.
                if clock.monotonic() - begun > 3 * LEASE_S:
                    raise
                if held is None:
                    log.warning("the database cannot be written, trying again: %s", error)
            renewed = held is not None and (first is None or held.expires_at != first.expires_at)
            if held is not None and (renewed or lives(held.owner) is True):
                host, pid = held.owner.split(":")[:2]
                raise ClusterError(
                    f"the run {self._run_name!r} is being run by process {pid} on {host}: stop that one first"
                )
            if held is not None and not waits:
                waits = True
                log.warning("another das-hpo had the run %s: waiting until its lease has run out", self._run_name)
            if stop.wait(_LOOK_EVERY_S):
                raise KeyboardInterrupt

    def hold(self, session: Session) -> None:
        """Makes sure, at the start of a transaction, that this process has the lease; renews it if that is due.

        Raises:
            ClusterError: If another process has it; then nothing more may be written.
        """
        now = clock.boottime()
        renew = now - self._renewed >= self._renew_every_s
        if not writes.hold_lease(session, self._run_id, self.owner, LEASE_S):
            raise ClusterError(f"the run {self._run_name!r} was taken over by another das-hpo: this one stops")
        if renew:
            writes.renew_lease(session, self._run_id, self.owner, LEASE_S)
            self.request = writes.request_of(session, self._run_id)
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
    """A name for this process that no other one ever has; it says on which machine the process can be seen to live."""
    pid = os.getpid()
    return ":".join([cleaned(socket.gethostname()), str(pid), started(pid), realm(), secrets.token_hex(4)])
