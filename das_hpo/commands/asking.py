"""Asking a run to end, for ``cancel`` and ``pause``: through the database, so that any machine may ask."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from das_hpo.commands.command import add_database, add_duration, say
from das_hpo.commands.completing import add_runs
from das_hpo.commands.reading import reading
from das_hpo.durations import format_duration
from spaces.errors import ClusterError

if TYPE_CHECKING:
    from storage.records import RunLease

_LOOK_EVERY_S = 0.3


def add_asking(parser: argparse.ArgumentParser, *, wait_s: float) -> None:
    """Adds the runs, how long to wait for them, and the database."""
    add_runs(parser)
    add_duration(
        parser,
        "wait",
        default=wait_s,
        help=f"how long to wait until the runs have ended, as in 30s (default: {format_duration(wait_s)})",
    )
    add_database(parser)


def ask(args: argparse.Namespace, request: str) -> int:
    """Asks all the runs in one transaction, then waits for the end of each; the exit status.

    Raises:
        RunMissingError: If a run is not there; then none is asked.
        InvalidValueError: If a run has ended by itself; then none is asked.
        ClusterError: If a run has not ended in time.
    """
    from storage import queries, writes

    names: Sequence[str] = list(dict.fromkeys(args.runs))
    with reading(args) as database:
        with database.begin() as session:
            for name in names:
                writes.request_end(session, name, request)
        until = time.monotonic() + args.wait
        for name in names:
            record = queries.run(database, name)
            if record.active:
                say(f"asked the process that serves {name} to {request} it")
            while record.active and time.monotonic() < until:
                time.sleep(_LOOK_EVERY_S)
                record = queries.run(database, name)
            if record.active:
                _still_served(args, request, name, queries.lease(database, name))
                continue
            finished = queries.show(database, name).counts
            kept = sum(finished[status] for status in ("completed", "diverged", "failed"))
            how = f"; `das-hpo resume {name}` continues it" if record.state != "completed" else " before it was asked"
            say(f"run {name} is {record.state}: {kept} evaluations are kept{how}")
    return 0


def _still_served(args: argparse.Namespace, request: str, name: str, lease: RunLease | None) -> None:
    """Says that a run goes on for now: to pause it may take long, to cancel it may not.

    Raises:
        ClusterError: If it was to be cancelled.
    """
    host, pid = ("?", "?") if lease is None else lease.owner.split(":")[:2]
    where = f"process {pid} on {host}"
    if request == "pause":
        say(f"run {name} gives no new evaluations; it ends when those that are being computed have finished ({where})")
        return
    raise ClusterError(
        f"the run {name!r} has not ended within {format_duration(args.wait)}: {where} still serves it, and its log "
        "says why; once that process has ended, the run is cancelled"
    )
