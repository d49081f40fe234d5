"""What is exported of a run: everything that the formats need, read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from das_hpo.hyperparameter_space import HyperparameterSpace
from das_hpo.settings import RunSettings, with_task_settings
from spaces.errors import InvalidValueError, UsageError
from spaces.identity import ConfigurationId
from spaces.task_registry import DEFAULT_TASK, load_task

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from storage.engine import Database
    from storage.records import ConfigurationRecord, EpochRecord, ResultRecord, RunRecord

#: Identifies an evaluation within its run: configuration, budget, replicate.
EvaluationKey = tuple[ConfigurationId, float, int]


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """A run or campaign with all that it has.

    Attributes:
        record: The run.
        configurations: By id, in the ids' order.
        evaluations: Those that have ended, by configuration, budget and replicate.
        curves: The learning curves of the evaluations, in order.
        space: What was searched; for a campaign the whole space of its task.
        points: Each configuration as a point of that space; absent where it lies outside.
    """

    record: RunRecord
    configurations: Mapping[ConfigurationId, ConfigurationRecord]
    evaluations: tuple[ResultRecord, ...]
    curves: Mapping[EvaluationKey, list[EpochRecord]]
    space: ConfigurationSpace
    points: Mapping[ConfigurationId, dict[str, Any]]

    def score_of(self, evaluation: ResultRecord) -> float | None:
        """The score of the run's own objective."""
        return evaluation.one_shot_score if self.record.objective == "one-shot" else evaluation.architecture_score


def id_of(evaluation: ResultRecord) -> ConfigurationId:
    """The configuration of an evaluation."""
    return ConfigurationId(evaluation.iteration, evaluation.stage, evaluation.number)


def key_of(evaluation: ResultRecord) -> EvaluationKey:
    """What identifies it within its run."""
    return id_of(evaluation), evaluation.budget, evaluation.replicate


def seconds(moment: datetime | None) -> float:
    """Seconds since 1970; 0 where there is no time."""
    return 0.0 if moment is None else moment.timestamp()


def read_run(database: Database, name: str) -> ExportedRun:
    """Reads a run.

    Raises:
        RunMissingError: If no run has that name.
        InvalidValueError: If none of its evaluations has ended yet.
        TaskError: If its task, whose space is needed, cannot be imported.
    """
    from storage import queries  # SQLAlchemy takes long to import

    record = queries.run(database, name)
    evaluations = tuple(row for row in queries.results(database, name) if row.sequence is not None)
    if not evaluations:
        raise InvalidValueError(f"the run {name!r} has no finished evaluation yet that could be exported")
    curves: dict[EvaluationKey, list[EpochRecord]] = defaultdict(list)
    for point in queries.epochs(database, name):
        curves[ConfigurationId(point.iteration, point.stage, point.number), point.budget, point.replicate].append(point)
    space = _space(record)
    configurations = {each.configuration_id: each for each in queries.replay(database, record.id).configurations}
    points = {each: _point(space, one.hyperparameters) for each, one in configurations.items()}
    return ExportedRun(
        record,
        configurations,
        evaluations,
        curves,
        space.space,
        {each: point for each, point in points.items() if point is not None},
    )


def _space(record: RunRecord) -> HyperparameterSpace:
    """The space that a run searches, or that of the task of a campaign."""
    settings = with_task_settings(record.settings)
    task = load_task(str(settings.get("task", DEFAULT_TASK)))
    if record.kind == "run":
        try:
            return RunSettings.from_mapping(record.settings).hyperparameter_space()
        except UsageError:
            pass  # settings of another das-hpo: the task's whole space holds whatever the run searched
    return HyperparameterSpace(task.configured(record.task_settings))


def _point(space: HyperparameterSpace, hyperparameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The point of the space; None where it lies outside, as a preset may."""
    from ConfigSpace import Configuration

    try:
        point = space.configuration(hyperparameters)
        Configuration(space.space, values=point)
    except Exception:  # noqa: BLE001 (ConfigSpace has many errors for this, and a task may raise its own)
        return None
    return {name: value.item() if hasattr(value, "item") else value for name, value in point.items()}
