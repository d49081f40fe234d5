"""Finds what a user names, runs, campaigns or presets, in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from das_hpo.analysis.comparison.subjects import PROBLEM, Subject, preset_subject, run_subject
from spaces.errors import RunMissingError
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task

if TYPE_CHECKING:
    import pandas

    from storage.records import RunRecord


def load_subjects(
    url: str,
    names: Sequence[str],
    problem: Mapping[str, str] | None = None,
    *,
    level: float = 0.95,
    task: Task | None = None,
) -> list[Subject]:
    """Each name's subject: of the run of that name, else of the preset.

    Args:
        url: SQLAlchemy URL of the database.
        names: Runs, campaigns and presets.
        problem: Narrows presets: some of ``space, operations, data, method``. What the runs that are named
            have in common need not be said.
        level: Confidence level.
        task: Whose presets are meant; None for ``inverse-1d``.

    Raises:
        StorageError: If there is no such database.
        RunMissingError: For a name that is neither a run nor a preset.
        InvalidValueError: If there is nothing to compare in one of them.
    """
    from storage.frames import load_results

    task = task or load_task(DEFAULT_TASK)
    records = run_records(url)
    for name in names:
        if name not in records and name not in task.presets:
            latest = ", ".join(list(records)[-8:]) or "none yet"
            raise RunMissingError(
                f"no run and no preset is named {name!r}: the latest runs are {latest}; "
                f"presets of {task.name} are {', '.join(task.presets) or 'none'}"
            )
    named = [records[name] for name in names if name in records]
    wanted = {**_common(named), **(problem or {})}
    if len(named) < len(names):
        wanted["task"] = task.name
    campaigns = load_campaigns(url, records, wanted)
    subjects = []
    for name in names:
        record = records.get(name)
        if record is None:
            values = task.presets[name]
            found = preset_subject(name, campaigns, wanted, level=level, values=values, metric=task.metric)
            subjects.append(found)
            continue
        frame = load_results(url, name)
        subjects.append(
            run_subject(
                frame,
                name=name,
                kind=record.kind,
                optimizer=record.optimizer,
                aggregate=str(record.settings.get("aggregate", "mean")),
                campaigns=campaigns,
                level=level,
                metric=record.metric,
                hyperparameters=frame.attrs["hyperparameters"],
            )
        )
    return subjects


def run_records(url: str) -> dict[str, RunRecord]:
    """All runs by name, the oldest first."""
    from storage import queries
    from storage.engine import open_database

    with open_database(url) as database:
        return {summary.run.name: summary.run for summary in queries.runs(database)}


def load_campaigns(url: str, records: Mapping[str, RunRecord], problem: Mapping[str, str]) -> pandas.DataFrame:
    """The rows of all campaigns of that problem."""
    import pandas

    from storage.frames import load_results
    from storage.records import RESULT_COLUMNS

    wanted = [
        record.name
        for record in records.values()
        if record.kind == "campaign" and all(getattr(record, name) == value for name, value in problem.items())
    ]
    frames = [frame for frame in (load_results(url, name) for name in wanted) if len(frame)]
    return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame(columns=list(RESULT_COLUMNS))


def _common(named: Sequence[RunRecord]) -> dict[str, str]:
    """What all runs that were named agree on."""
    common = {}
    for column in ("task", *PROBLEM, "method"):
        values = {getattr(record, column) for record in named}
        if len(values) == 1:
            common[column] = str(values.pop())
    return common
