"""Resume: the state of hpbandster's iterations and of the model, rebuilt exactly from what is stored.

Configurations are given to the iterations in the order of their ids, results in the order in which the
master was told of them (``sequence``). What was queued or running is queued again, before all new work,
or, where a worker may still compute it, taken over with its token.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from das_hpo.optimisers.brackets import SeededHalving
from das_hpo.optimisers.master import Job, MasterQueue
from das_hpo.optimisers.optimizers import make_master
from das_hpo.service.queue import Attempt, Evaluation
from das_hpo.service.recorder import Recorder
from das_hpo.settings import RunSettings
from spaces.errors import StorageError
from spaces.hyperparameters import to_configuration
from spaces.identity import ConfigurationId
from spaces.trial import WORST_LOSS
from storage.records import ConfigurationRecord, EvaluationRecord, Replay

if TYPE_CHECKING:
    from hpbandster.core.result import Result

    from storage.engine import Database


def restore(master: MasterQueue, replay: Replay) -> list[Attempt]:
    """Brings a fresh master to where the stored run is.

    Args:
        master: Of the same settings; nothing has been asked of it yet.
        replay: What is stored.

    Returns:
        The open attempts: the dispatcher takes them over, or :meth:`DeskMaster.give_up` ends them.

    Raises:
        StorageError: If what is stored cannot have come from a run of these settings.
    """
    with master.condition:
        return _Restoration(master, replay).run()


def stored_result(database: Database, run: str) -> Result:
    """hpbandster's Result of a stored run, as its master held it.

    Raises:
        RunMissingError: If there is no such run.
        StorageError: If the run is no optimisation.
    """
    from storage import queries

    replay = queries.replay(database, queries.run(database, run).id)
    if replay.run.kind != "run":
        raise StorageError(f"{run!r} is a {replay.run.kind}: hpbandster's results are of optimisations only")
    settings = RunSettings.from_mapping(replay.run.settings)
    master = make_master(settings, Recorder(database, replay.run.id), time_ref=replay.run.created_at.timestamp())
    restore(master, replay)
    return master.result()


class _Restoration:
    """One restore; holds what is known of the stored run by configuration and by job."""

    def __init__(self, master: MasterQueue, replay: Replay) -> None:
        self._master = master
        self._replay = replay
        self._rungs: dict[tuple[int, int], list[ConfigurationRecord]] = defaultdict(list)
        for record in sorted(replay.configurations, key=lambda record: record.configuration_id):
            self._rungs[record.iteration, record.stage].append(record)

    def run(self) -> list[Attempt]:
        master = self._master
        for record in self._replay.finished:
            job = self._job(record)
            if record.started_at is not None:
                started_at = record.started_at.timestamp()
                job.started_at = min(started_at, job.started_at or started_at)
                job.submitted_at = min(job.submitted_at, job.started_at)
            if record.finished_at is not None:
                job.finished_at = record.finished_at.timestamp()
            master.learn_again(self._evaluation(record, job), record.status, self._told(record), record.message)
            job.finished_at = None
        attempts = {attempt.evaluation_id: attempt for attempt in self._replay.attempts}
        adopted: list[Attempt] = []
        for record in self._replay.evaluations:
            if record.sequence is not None:
                continue
            evaluation = self._evaluation(record, self._job(record))
            running = attempts.get(record.id)
            master.give_again(evaluation, waiting=running is None)
            if running is not None:
                adopted.append(Attempt(evaluation, running.token, running.worker))
        for identifier in [record.configuration_id for rung in self._rungs.values() for record in rung]:
            self._add(identifier)
        if self._replay.evaluations:
            master.latest_budget = self._replay.evaluations[-1].budget
        return adopted

    def _told(self, record: EvaluationRecord) -> float | None:
        """What the model was told of a finished evaluation."""
        if record.status == "failed":
            return None
        one_shot = self._master.settings.objective == "one-shot"
        psnr = record.one_shot_psnr if one_shot else record.architecture_psnr
        return WORST_LOSS if psnr is None or record.status == "diverged" else -psnr

    def _evaluation(self, record: EvaluationRecord, job: Job) -> Evaluation:
        return Evaluation(
            id=record.id,
            configuration_id=record.configuration_id,
            budget=record.budget,
            replicate=record.replicate,
            spec=self._master.settings.spec(job.hyperparameters, record.budget, record.seed),
            failures=record.failures,
        )

    def _job(self, record: EvaluationRecord) -> Job:
        """The job of an evaluation, given out as hpbandster gave it out."""
        iteration = self._add(record.configuration_id)
        datum = iteration.data[record.configuration_id]
        if datum.status == "QUEUED" and datum.budget == record.budget:
            datum.status = "RUNNING"
            iteration.num_running += 1
        elif datum.status != "RUNNING" or datum.budget != record.budget:
            raise self._wrong(f"{record.configuration_id} cannot be at budget {record.budget:g} yet")
        return self._master.take_up(record.configuration_id, record.budget)

    def _add(self, identifier: ConfigurationId) -> SeededHalving:
        """Adds a configuration, and those before it in its rung, unless that has been done; gives its iteration."""
        index, stage, number = identifier
        self._master.begin_iterations(index + 1)
        iteration = self._master.iterations[index]
        if identifier in iteration.data:
            return iteration
        for record in self._rungs[index, stage]:
            if record.number > number or record.configuration_id in iteration.data:
                continue
            configuration = to_configuration(record.hyperparameters, self._master.settings.method)
            added = iteration.add_configuration(configuration, record.info)
            if added != record.configuration_id:
                raise self._wrong(f"its configuration {record.configuration_id} would be {added}")
            self._master.know_stored(added)
        if identifier not in iteration.data:
            raise self._wrong(f"its configuration {identifier} is missing")
        return iteration

    def _wrong(self, what: str) -> StorageError:
        name = self._replay.run.name
        return StorageError(f"{name!r} cannot be resumed, what is stored does not follow from its settings: {what}")
