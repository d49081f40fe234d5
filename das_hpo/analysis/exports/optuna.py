"""A run as a study of Optuna, in a journal file or a SQLite database, for optuna-dashboard and Optuna's own plots.

A trial is one configuration of an optimisation. Its intermediate values are the scores at its budgets (steps are
epochs, rounded where they stay apart, else the rungs counted from 0). Whoever reached the run's largest budget is
complete, whoever was stopped before is pruned, as under Optuna's own HyperbandPruner. Of a campaign, a trial is one
evaluation.
Both scores, budget, architecture and whatever else is known are attributes of the trial.
"""

from __future__ import annotations

import logging
import statistics
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from das_hpo.analysis.exports.source import ExportedRun, id_of
from das_hpo.analysis.exports.writing import ExportFormat
from spaces.identity import ConfigurationId
from storage.ranking import AGGREGATES

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from storage.records import ResultRecord

#: Endings of files that are written as a SQLite database; all others are journals.
SQLITE = (".db", ".sqlite", ".sqlite3")


def write(run: ExportedRun, draft: Path, target: Path) -> str:
    """Writes the study, which has the run's name."""
    import optuna

    logging.getLogger("optuna").setLevel(logging.WARNING)
    storage, close = _storage(draft, target)
    try:
        record = run.record
        study = optuna.create_study(
            storage=storage,
            study_name=record.name,
            direction="maximize" if record.metric.larger_is_better else "minimize",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([f"{record.objective} {record.metric}"])
        for name in ("task", "objective", "optimizer", "seed", "version", "note"):
            study.set_user_attr(name, getattr(record, name))
        study.add_trials(_trials(run))
    finally:
        close()
    return ""


def _storage(draft: Path, target: Path) -> tuple[BaseStorage, Any]:
    """The storage, and what closes it."""
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if target.suffix.lower() in SQLITE:
        database = RDBStorage(f"sqlite:///{draft.resolve()}")
        return database, database.engine.dispose
    return JournalStorage(JournalFileBackend(str(draft))), lambda: None


def _trials(run: ExportedRun) -> list[FrozenTrial]:
    groups: dict[tuple[Any, ...], list[ResultRecord]] = defaultdict(list)
    for evaluation in run.evaluations:
        replicate = () if run.record.kind == "run" else (evaluation.replicate,)
        groups[id_of(evaluation), *replicate].append(evaluation)
    budgets = sorted({evaluation.budget for evaluation in run.evaluations})
    rounded = [round(budget) for budget in budgets]
    steps = dict(zip(budgets, rounded if len(set(rounded)) == len(budgets) else range(len(budgets)), strict=True))
    distributions = _distributions(run)
    return [_trial(run, key[0], rows, steps, distributions) for key, rows in sorted(groups.items())]


def _trial(
    run: ExportedRun,
    identifier: ConfigurationId,
    rows: Sequence[ResultRecord],
    steps: Mapping[float, int],
    distributions: Mapping[str, BaseDistribution],
) -> FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState

    scores: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        if (score := run.score_of(row)) is not None:
            scores[row.budget].append(score)
    how = AGGREGATES.get(run.record.settings.get("aggregate", "mean"), statistics.fmean)
    values = {budget: how(found) for budget, found in sorted(scores.items())}
    last = max(rows, key=lambda row: (row.budget, row.replicate))
    largest = max(steps)
    reached = values.get(last.budget)
    ended = TrialState.COMPLETE if last.budget == largest else TrialState.PRUNED
    state = TrialState.FAIL if reached is None else ended
    params = {**run.configurations[identifier].hyperparameters}
    params = {name: params[name] for name in distributions if params.get(name) is not None}
    starts = [row.started_at for row in rows if row.started_at is not None]
    ends = [row.finished_at for row in rows if row.finished_at is not None]
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=reached if state == TrialState.COMPLETE else None,
        datetime_start=_naive(min(starts, default=min(ends))),
        datetime_complete=_naive(max(ends)),
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs=_attributes(run, identifier, last, values),
        system_attrs={},
        intermediate_values={steps[budget]: value for budget, value in values.items()},
    )


def _attributes(
    run: ExportedRun, identifier: ConfigurationId, last: ResultRecord, values: Mapping[float, float]
) -> dict[str, Any]:
    """What is known of a trial beside its parameters: of its evaluation at the largest budget."""
    names = ("budget", "replicate", "seed", "status", "one_shot_score", "architecture_score", "architecture", "origin")
    more = ("worker", "device", "kernel", "duration_s", "parameters", "message")
    found = {name: getattr(last, name) for name in (*names, *more)}
    return {
        "configuration": str(identifier),
        **{name: value for name, value in found.items() if value is not None},
        "scores_by_budget": {f"{budget:g}": value for budget, value in values.items()},
        **({"hyperparameters_outside_the_space": True} if identifier not in run.points else {}),
        **last.extras,
    }


def _distributions(run: ExportedRun) -> dict[str, BaseDistribution]:
    """What each hyperparameter may be: as the space says, and wide enough for presets that lie outside of it."""
    from ConfigSpace.hyperparameters import FloatHyperparameter, IntegerHyperparameter
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    seen: dict[str, list[Any]] = defaultdict(list)
    for one in run.configurations.values():
        for name, value in one.hyperparameters.items():
            if value is not None and value not in seen[name]:
                seen[name].append(value)
    made: dict[str, BaseDistribution] = {}
    for name, values in seen.items():
        entry = run.space.get(name)
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        if isinstance(entry, FloatHyperparameter | IntegerHyperparameter) and numbers:
            low, high = min([entry.lower, *values]), max([entry.upper, *values])
            log = bool(entry.log) and low > 0
            kind = FloatDistribution if isinstance(entry, FloatHyperparameter) else IntDistribution
            made[name] = kind(low, high, log=log)
        else:
            made[name] = CategoricalDistribution(sorted(values, key=lambda value: (str(type(value)), value)))
    return made


def _naive(moment: datetime) -> datetime:
    """Local time without a zone, as Optuna keeps it."""
    return moment.astimezone().replace(tzinfo=None)


def opens(target: Path) -> str:
    """How to look at it."""
    is_database = target.suffix.lower() in SQLITE
    return f"optuna-dashboard {'sqlite:///' if is_database else ''}{target.resolve() if is_database else target}"


FORMAT = ExportFormat(
    summary="a study of Optuna: a SQLite file if PATH ends with .db, else a journal",
    write=write,
    opens=opens,
)
