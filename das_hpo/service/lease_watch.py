"""Looks for leases that have ended, and for gaps in its own time."""

from __future__ import annotations

import logging

from das_hpo.service.lease_manager import LeaseManager
from spaces import clock

log = logging.getLogger(__name__)


class LeaseWatch:
    """Whoever has it calls :meth:`tick` every ``every_s`` seconds.

    Args:
        lease_manager: What is watched.
        lease_s: How long a lease lasts.
    """

    def __init__(self, lease_manager: LeaseManager, lease_s: float) -> None:
        self.every_s = min(1.0, lease_s / 10)
        self._lease_manager = lease_manager
        self._before = clock.monotonic()

    def tick(self) -> None:
        """Ends the leases that have run out; what fails is logged, and tried again with the next tick."""
        now = clock.monotonic()
        try:
            # The master itself stood still (stopped, swapped out, waiting for a disk): whoever was silent
            # meanwhile could not be heard.
            if now - self._before > 3 * self.every_s + 1.0:
                self._lease_manager.extend(now, now - self._before)
            self._before = now
            self._lease_manager.look(now)
        except Exception:
            log.exception("leases could not be looked through")
