"""Executes runs and campaigns, new ones and interrupted ones; ``running.py`` does it for one stored run.

    execute(settings, url, service)                a new run             (das-hpo run)
    execute_runs(runs, url, service)               what is short         (das-hpo run --seeds)
    execute_campaigns(campaigns, url, service)     what is missing       (das-hpo evaluate, baseline, reproduce)
    resume(name, url, service)                     an interrupted run    (das-hpo resume)

Everything that can be refused is refused before anything is written. A run ends when all is evaluated,
when its time limit is over, or when ``stop`` is set; what is done by then is in the database.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from das_hpo import __version__
from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.campaigns.matching import continued
from das_hpo.campaigns.work import make_campaign
from das_hpo.differences import require_same_code, require_same_run
from das_hpo.launching.cluster import Cluster, Service, cluster_of
from das_hpo.progress import Snapshot
from das_hpo.running import Execution, RunOutcome, patiently
from das_hpo.service.queue import Attempt
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from das_hpo.settings import RunSettings
from spaces.errors import (
    ClusterError,
    DasHpoError,
    DatabaseMissingError,
    InvalidValueError,
    RunExistsError,
    RunMissingError,
    UsageError,
)
from spaces.task_registry import DEFAULT_TASK, fingerprint, load_task
from storage import queries, writes
from storage.engine import Database, open_database
from storage.entries import NewRun
from storage.groups import require_free
from storage.records import Replay, RunRecord

__all__ = ["RunOutcome", "Service", "execute", "execute_campaigns", "execute_runs", "resume", "stored_run"]

#: A commit waits for so long for another process's; then it fails, and is tried again.
BUSY_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


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
    (outcome,) = execute_runs([settings], url, service, stop=stop, progress=progress)
    return outcome


def execute_runs(
    runs: Sequence[RunSettings],
    url: str,
    service: Service,
    *,
    resume: bool = False,
    stop: threading.Event | None = None,
    progress: Callable[[Snapshot], None] | None = None,
) -> list[RunOutcome]:
    """Executes runs one after the other, on the same workers. If one is refused, nothing of any is done.

    Args:
        runs: The runs; the time limit of each counts from its own beginning.
        url: The database; made if there is none.
        service: Where and by whom they are evaluated.
        resume: Whether runs that are there already, with the same settings, are continued; completed ones are left as
            they are.
        stop: Ends the one that is going on, and begins no other, when it is set.
        progress: Is told where the one that is going on is.

    Returns:
        How each ended that was not completed before; after a signal, the others are not begun.

    Raises:
        UsageError: For what cannot be asked for, such as a name that is taken.
        DasHpoError: If nameserver, database, key or device cannot be used.
    """
    from das_hpo.optimisers.queue import check_new_run

    known = [(asked, _known(asked, url, resume=resume)) for asked in runs]
    short = [(asked, stored) for asked, stored in known if stored is None or stored.status != "completed"]
    for asked, stored in short:
        if stored is None:
            check_new_run(asked)
        else:
            _changed(stored, Changes(), fingerprint(asked.configured_task()))
    stop = stop or threading.Event()
    outcomes: list[RunOutcome] = []
    with (
        cluster_of(service.with_tasks(*(asked.task for asked, _ in short)), stop) as cluster,
        open_database(url, create=True, busy_timeout_s=BUSY_TIMEOUT_S) as database,
    ):
        if stop.is_set():
            raise KeyboardInterrupt
        for asked, stored in short:
            if stored is None:
                outcomes.append(_begin(asked, database, cluster, stop, progress))
            else:
                now = fingerprint(asked.configured_task())
                execution = Execution(database, stored, make_optimisation, cluster, stop, progress)
                outcomes.append(execution.run(asked.time_limit_s, _changed(stored, Changes(), now), now))
            if stop.is_set():
                break
    return outcomes


def _known(asked: RunSettings, url: str, *, resume: bool) -> RunRecord | None:
    """As :func:`stored_run`; a run that another process is running is refused, too."""
    stored = stored_run(asked, url, resume=resume)
    if stored is not None and stored.active:
        raise ClusterError(
            f"the run {stored.name!r} is being run by another process: stop that one first, or, if its machine was "
            "lost, try again in half a minute"
        )
    return stored


def _begin(
    asked: RunSettings,
    database: Database,
    cluster: Cluster,
    stop: threading.Event,
    progress: Callable[[Snapshot], None] | None,
) -> RunOutcome:
    """Executes a run that is not there yet."""
    new = run_of(asked)
    patiently(lambda: _create(database, new), stop, cluster.service.failing_s)
    record = queries.run(database, new.name)
    try:
        return Execution(database, record, make_optimisation, cluster, stop, progress).run()
    except DasHpoError:
        # Refused before anything was asked of anybody, as for an address that is not ours: nothing is left behind.
        with contextlib.suppress(DasHpoError), database.begin() as session:
            writes.remove_run_not_begun(session, record.id)
        raise


def stored_run(asked: RunSettings, url: str, *, resume: bool) -> RunRecord | None:
    """The stored run that is asked for; None if there is none of its name, or no database yet.

    Args:
        asked: The run.
        url: The database.
        resume: Whether it may be there already, with the same settings.

    Raises:
        RunExistsError: If the name is taken: by any run unless ``resume``, else by one with other settings.
        InvalidValueError: If the name is a group's, or the group's name is a run's.
    """
    try:
        with open_database(url) as database:
            require_free(database, asked.name, asked.group)
            stored = queries.run(database, asked.name)
    except (DatabaseMissingError, RunMissingError):
        return None
    if resume:
        require_same_run(stored, asked)
        return stored
    more = f"extend that one: das-hpo resume {asked.name} --iterations {2 * asked.iterations}"
    hint = f", or {more if stored.status == 'completed' else f'continue that one: das-hpo resume {asked.name}'}"
    raise RunExistsError(f"there is a run named {asked.name!r} ({stored.state}): choose another --name{hint}")


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
        for asked in campaigns:
            outcomes.append(extend_campaign(database, asked, cluster, stop, progress))
            if outcomes[-1].status != "completed":
                break
    return outcomes


def extend_campaign(
    database: Database,
    asked: CampaignSettings,
    cluster: Cluster,
    stop: threading.Event,
    progress: Callable[[Snapshot], None] | None,
    time_limit_s: float | None = None,
) -> RunOutcome:
    """Executes what is missing of one campaign, which is made if there is none of its name.

    Args:
        database: Where it is.
        asked: The campaign, which its task has agreed to.
        cluster: By whom it is evaluated.
        stop: Ends it when it is set.
        progress: Is told where it is.
        time_limit_s: Seconds after which it ends; None for what its settings say.

    Raises:
        RunExistsError: If the name is taken by a run, or by a campaign with other settings.
    """
    record = _stored_campaign(database, asked, stop, cluster.service)
    campaign = continued(record, asked)
    if record.status != "completed" or CampaignSettings.from_mapping(record.settings) != campaign:
        execution = Execution(database, record, make_campaign, cluster, stop, progress)
        return execution.run(time_limit_s, settings=campaign.to_dict())
    work, _ = make_campaign(queries.replay(database, record.id), Recorder(database, record.id), None)
    return RunOutcome(record.name, record.status, None, work.snapshot(), signalled=False)


def _stored_campaign(database: Database, asked: CampaignSettings, stop: threading.Event, service: Service) -> RunRecord:
    """The stored run of the campaign's name, which is made if there is none."""
    with contextlib.suppress(RunMissingError):
        return queries.run(database, asked.name)
    patiently(lambda: _create(database, asked.new_run()), stop, service.failing_s)
    return queries.run(database, asked.name)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a resumed run has other than it was begun with.

    Attributes:
        iterations: Of the whole run from now on, not fewer than so far; None for as many as so far.
        time_limit_s: From now on; None is the run's own limit, counted from now.
        accept_code_change: Whether it goes on although its task has other code by now. Every evaluation keeps the
            fingerprint of the code that computed it.
    """

    iterations: int | None = None
    time_limit_s: float | None = None
    accept_code_change: bool = False


def resume(
    name: str,
    url: str,
    service: Service,
    changes: Changes | None = None,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[Snapshot], None] | None = None,
) -> RunOutcome:
    """Continues an interrupted run, optimisation or campaign, exactly where it was; see :func:`execute`.

    With more iterations than it was begun with, a completed optimisation is continued, too, as if it had been begun
    with them.

    Args:
        name: The run's name.
        url: The database.
        service: Where and by whom the run is evaluated.
        changes: What it has other than it was begun with; None for nothing.
        stop: Ends the run when it is set.
        progress: Is told where the run is.

    Raises:
        RunMissingError: If there is no such run.
        UsageError: If it is completed and not extended, cannot be extended so, or its task has other code by now.
        ClusterError: If it is being run.
        DasHpoError: If nameserver, database, key or device cannot be used.
    """
    changes = changes or Changes()
    stop = stop or threading.Event()
    with open_database(url, busy_timeout_s=BUSY_TIMEOUT_S) as database:
        record = queries.run(database, name)
        door = str(record.settings.get("task", DEFAULT_TASK))
        now = fingerprint(load_task(door).configured(record.task_settings))
        settings = _changed(record, changes, now)
        with cluster_of(service.with_tasks(door), stop) as cluster:
            make = make_campaign if record.kind == "campaign" else make_optimisation
            execution = Execution(database, record, make, cluster, stop, progress)
            return execution.run(changes.time_limit_s, settings, now)


def _changed(record: RunRecord, changes: Changes, now: str) -> dict[str, Any]:
    """The settings by which a stored run goes on, with the code of the fingerprint ``now``.

    Raises:
        UsageError: If it cannot go on so.
    """
    if not changes.accept_code_change:
        require_same_code(record, now)
    settings = record.settings if changes.iterations is None else _extended(record, changes.iterations)
    if record.status == "completed" and settings == record.settings:
        raise UsageError(
            f"the run {record.name!r} is completed: there is nothing to resume; see `das-hpo show {record.name}`"
            + (", or extend it with --iterations" if record.kind == "run" else "")
        )
    if record.kind == "run":
        from das_hpo.optimisers.queue import make_optimizer

        # Refuses a user's own optimiser that cannot be imported here before anything is changed.
        make_optimizer(RunSettings.from_mapping(settings))
    if record.fingerprint not in (None, now):
        log.warning(
            "%s goes on with other code of the task %s: its evaluations so far are of the code %s, further ones "
            "of %s; the column fingerprint of das-hpo results --all tells them apart",
            *(record.name, record.task, record.fingerprint, now),
        )
    return settings


def _create(database: Database, new: NewRun) -> None:
    require_free(database, new.name, new.settings.get("group") if new.kind == "run" else None)
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
