"""What may be executed: a new run, what is missing of campaigns, an interrupted run; ``running.py`` does it.

    execute(settings, url, service)                a new run             (das-hpo run)
    execute_campaigns(campaigns, url, service)     what is missing       (das-hpo evaluate, baseline, reproduce)
    resume(name, url, service)                     an interrupted run    (das-hpo resume)

Everything that can be refused is refused before anything is written. A run ends when all is evaluated,
when its time limit is over, or when ``stop`` is set; what is done by then is in the database.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from das_hpo import __version__
from das_hpo.campaigns.campaign import CampaignSettings, require_extended
from das_hpo.campaigns.work import make_campaign
from das_hpo.launching.cluster import Service, cluster_of
from das_hpo.progress import Snapshot
from das_hpo.running import Execution, RunOutcome, patiently
from das_hpo.service.queue import Attempt
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from das_hpo.settings import RunSettings
from spaces.errors import DasHpoError, InvalidValueError, RunMissingError, UsageError
from spaces.task_registry import DEFAULT_TASK, fingerprint, load_task
from storage import queries, writes
from storage.engine import Database, open_database
from storage.entries import NewRun
from storage.records import Replay, RunRecord

__all__ = ["Service", "RunOutcome", "execute", "execute_campaigns", "resume"]

#: A commit waits for so long for another process's; then it fails, and is tried again.
BUSY_TIMEOUT_S = 2.0


def execute(
    settings: RunSettings,
    url: str,
    service: Service,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[Snapshot], None] | None = None,
) -> RunOutcome:
    """Executes a new run and returns when it has ended.

    Args:
        settings: The run.
        url: The database; made if there is none.
        service: Where and by whom it is evaluated.
        stop: Ends the run when it is set.
        progress: Is told where the run is, a few times a second.

    Raises:
        UsageError: For what cannot be asked for, such as a name that is taken.
        DasHpoError: If nameserver, database, key or device cannot be used.
    """
    from das_hpo.optimisers.queue import check_new_run

    check_new_run(settings)
    new = run_of(settings)
    stop = stop or threading.Event()
    with (
        cluster_of(service.with_tasks(settings.task), stop) as cluster,
        open_database(url, create=True, busy_timeout_s=BUSY_TIMEOUT_S) as database,
    ):
        if stop.is_set():
            raise KeyboardInterrupt
        patiently(lambda: _create(database, new), stop, service.failing_s)
        record = queries.run(database, new.name)
        try:
            return Execution(database, record, make_optimisation, cluster, stop, progress).run()
        except DasHpoError:
            # Refused before anything was asked of anybody, as for an address that is not ours: nothing is left behind.
            with contextlib.suppress(DasHpoError), database.begin() as session:
                writes.remove_run_not_begun(session, record.id)
            raise


def execute_campaigns(
    campaigns: Sequence[CampaignSettings],
    url: str,
    service: Service,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[Snapshot], None] | None = None,
) -> list[RunOutcome]:
    """Executes what is missing of campaigns, one after the other, on the same workers.

    A campaign of the database under that name is continued, and one with fewer trials is extended; what is
    there already is not repeated.

    Args:
        campaigns: The campaigns.
        url: The database; made if there is none.
        service: Where and by whom they are evaluated.
        stop: Ends the one that is going on, and begins no other, when it is set.
        progress: Is told where the one that is going on is.

    Returns:
        How each ended, the one that was interrupted last; those after it are not begun.

    Raises:
        UsageError: For a campaign whose task refuses its settings or hyperparameters.
        RunExistsError: If a name is taken by a run, or by a campaign with other settings.
        DasHpoError: If nameserver, database, key or device cannot be used.
    """
    campaigns = [campaign.check() for campaign in campaigns]
    stop = stop or threading.Event()
    outcomes: list[RunOutcome] = []
    with (
        cluster_of(service.with_tasks(*(campaign.task for campaign in campaigns)), stop) as cluster,
        open_database(url, create=True, busy_timeout_s=BUSY_TIMEOUT_S) as database,
    ):
        for campaign in campaigns:
            record, missing = _stored_campaign(database, campaign, stop, service)
            if missing:
                execution = Execution(database, record, make_campaign, cluster, stop, progress)
                outcomes.append(execution.run(settings=campaign.to_dict()))
            else:
                work, _ = make_campaign(queries.replay(database, record.id), Recorder(database, record.id), None)
                outcomes.append(RunOutcome(record.name, record.status, None, work.snapshot(), signalled=False))
            if outcomes[-1].status != "completed":
                break
    return outcomes


def _stored_campaign(
    database: Database, asked: CampaignSettings, stop: threading.Event, service: Service
) -> tuple[RunRecord, bool]:
    """The stored campaign of that name, made if there is none, and whether anything of it is missing."""
    try:
        stored = queries.run(database, asked.name)
    except RunMissingError:
        patiently(lambda: _create(database, asked.new_run()), stop, service.failing_s)
        return queries.run(database, asked.name), True
    require_same_code(stored, fingerprint(load_task(asked.task)))
    require_extended(stored, asked)
    return stored, CampaignSettings.from_mapping(stored.settings) != asked or stored.status != "completed"


def resume(
    name: str,
    url: str,
    service: Service,
    *,
    iterations: int | None = None,
    time_limit_s: float | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[Snapshot], None] | None = None,
) -> RunOutcome:
    """Continues an interrupted run, optimisation or campaign, exactly where it was; see :func:`execute`.

    With more iterations than it was begun with, a completed optimisation is continued, too, as if it had been begun
    with them.

    Args:
        name: The run's name.
        url: The database.
        service: Where and by whom it is evaluated.
        iterations: Of the whole run from now on, not fewer than so far; None for as many as so far.
        time_limit_s: From now on; None is the run's own limit, counted from now.
        stop: Ends the run when it is set.
        progress: Is told where the run is.

    Raises:
        RunMissingError: If there is no such run.
        UsageError: If it is completed and not extended, or cannot be extended so.
        ClusterError: If it is being run.
        DasHpoError: If nameserver, database, key or device cannot be used.
    """
    stop = stop or threading.Event()
    with open_database(url, busy_timeout_s=BUSY_TIMEOUT_S) as database:
        record = queries.run(database, name)
        door = str(record.settings.get("task", DEFAULT_TASK))
        now = fingerprint(load_task(door))
        require_same_code(record, now)
        extended = None if iterations is None else _extended(record, iterations)
        if record.status == "completed" and (extended is None or extended == record.settings):
            raise UsageError(
                f"the run {name!r} is completed: there is nothing to resume; see `das-hpo show {name}`"
                + (", or extend it with --iterations" if record.kind == "run" else "")
            )
        if record.kind == "run":
            from das_hpo.optimisers.queue import make_optimizer

            # A user's own may not be importable here: that is said before anything is changed.
            make_optimizer(RunSettings.from_mapping(extended or record.settings))
        with cluster_of(service.with_tasks(door), stop) as cluster:
            if record.fingerprint is None:  # it is older than fingerprints
                with database.begin() as session:
                    writes.set_run_fingerprint(session, record.id, now)
                record = queries.run(database, name)
            make = make_campaign if record.kind == "campaign" else make_optimisation
            execution = Execution(database, record, make, cluster, stop, progress)
            return execution.run(time_limit_s, extended)


def _create(database: Database, new: NewRun) -> None:
    with database.begin() as session:
        writes.create_run(session, new)


def run_of(settings: RunSettings) -> NewRun:
    """What is stored of a new run."""
    task = settings.configured_task()
    return NewRun(
        name=settings.name,
        kind="run",
        objective=settings.objective,
        optimizer=settings.optimizer,
        seed=settings.seed,
        settings=settings.to_dict(),
        version=__version__,
        task=task.name,
        metric=task.metric,
        task_settings=task.settings,
        fingerprint=fingerprint(task),
        **task.labels.to_dict(),
    )


def require_same_code(stored: RunRecord, now: str) -> None:
    """Refuses to go on with a run whose task has other code by now.

    Raises:
        UsageError: Says what can be done.
    """
    if stored.fingerprint not in (None, now):
        raise UsageError(
            f"{stored.name!r} was begun with other code of the task {stored.task} ({stored.fingerprint}, now {now}): "
            "numbers of both must not be mixed; put that code back, or begin anew under another --name"
        )


def _extended(record: RunRecord, iterations: int) -> dict[str, Any]:
    """The settings of a stored run with that many iterations.

    Raises:
        InvalidValueError: If it is no optimisation, or has more iterations already.
    """
    if record.kind != "run":
        raise InvalidValueError(f"{record.name!r} is a {record.kind}, which has no iterations: leave --iterations out")
    settings = RunSettings.from_mapping(record.settings)
    if iterations < settings.iterations:
        raise InvalidValueError(
            f"the run {record.name!r} has {settings.iterations} iterations: --iterations takes that many or more, "
            f"got {iterations}"
        )
    if iterations == settings.iterations:
        return record.settings
    return replace(settings, iterations=iterations).to_dict()


def make_optimisation(replay: Replay, recorder: Recorder, parallel: int | None) -> tuple[RecordedQueue, list[Attempt]]:
    """The queue of a stored optimisation, new or old."""
    from das_hpo.optimisers.queue import make_optimisation as make

    return make(replay, recorder, parallel)
