"""Ends leases that have run out, and notices when this process itself stood still."""

from __future__ import annotations

import logging

from das_hpo.service.lease_manager import LeaseManager
from spaces import clock

log = logging.getLogger(__name__)


class LeaseWatch:
    """Looks through the leases; its owner calls :meth:`tick` every ``every_s`` seconds.

    Args:
        lease_manager: Whose leases are looked through.
        lease_s: How many seconds a lease lasts without a heartbeat.
    """

    def __init__(self, lease_manager: LeaseManager, lease_s: float) -> None:
        self.every_s = min(1.0, lease_s / 10)
        self._lease_manager = lease_manager
        self._before = clock.monotonic()

    def tick(self) -> None:
        """Ends the leases that have run out; an error is logged, and the next tick tries again."""
        now = clock.monotonic()
        try:
            # This process itself stood still (stopped, swapped out, waiting for a disk) and could not receive
            # heartbeats meanwhile: every lease gets that time back.
            if now - self._before > 3 * self.every_s + 1.0:
                self._lease_manager.extend(now, now - self._before)
            self._before = now
            self._lease_manager.look(now)
        except Exception:
            log.exception("leases could not be looked through")
