"""How long a run will take, by the durations that are in the database."""

from __future__ import annotations

from das_hpo.durations import format_duration
from das_hpo.progress import Snapshot
from spaces.errors import DasHpoError

#: A shorter run is not worth a line.
LEAST_S = 60.0


def estimate(url: str, snapshot: Snapshot) -> str | None:
    """How long the rest of a run takes on its workers, in words, by evaluations of the same task and settings.

    Returns:
        None while nothing is known, or no worker is there yet; empty if the run is short.
    """
    from storage import queries
    from storage.engine import open_database

    if not snapshot.workers:
        return None
    try:
        with open_database(url) as database:
            pace = queries.pace(database, snapshot.run)
    except DasHpoError:
        return None
    if pace is None:
        return None
    epochs = max(0.0, snapshot.epochs_expected - snapshot.epochs_done)
    left_s = epochs * pace.seconds / pace.epochs / snapshot.workers
    if left_s < LEAST_S:
        return ""
    workers = f"{snapshot.workers} worker{'s' if snapshot.workers > 1 else ''}"
    measured = f"{pace.evaluations} evaluation{'s' if pace.evaluations > 1 else ''} like these"
    limit = ""
    if snapshot.deadline_s is not None and snapshot.deadline_s < left_s:
        limit = f"; its time limit ends it after {format_duration(snapshot.deadline_s)}"
    return (
        f"{snapshot.run} takes about {format_duration(left_s)} on {workers}, by {measured} "
        f"({pace.seconds / pace.epochs:.3g} s an epoch, {epochs:g} epochs to go){limit}"
    )
