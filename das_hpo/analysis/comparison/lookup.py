"""Finds the runs, campaigns and presets that a user names in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from das_hpo.analysis.comparison.agreement import PROBLEM, differing, settings_of, with_settings
from das_hpo.analysis.comparison.replicates import group_subject, settings_of_run
from das_hpo.analysis.comparison.rows import warn_of_mixed_code
from das_hpo.analysis.comparison.subjects import ComparedRun, Subject, preset_subject, run_subject
from spaces.errors import InvalidValueError, RunMissingError
from spaces.inverse_1d.registries import METHODS
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task

if TYPE_CHECKING:
    import pandas

    from storage.records import RunRecord


def load_subjects(
    url: str,
    names: Sequence[str],
    problem: Mapping[str, Any] | None = None,
    *,
    level: float = 0.95,
    task: Task | None = None,
) -> list[Subject]:
    """The subject of each name: the run or campaign of that name, else the group of runs, else the preset.

    Args:
        url: SQLAlchemy URL of the database.
        names: Runs, campaigns, groups of runs and presets. ``NAME=RUN,RUN,RUN`` makes a group of any runs, whose
            settings must agree but for the seed; in the place of a run a group may be named.
        problem: Narrows presets: some of the columns that :func:`load_campaigns` gives. What the runs that are
            named have in common need not be said.
        level: Confidence level.
        task: Whose presets are meant; None for ``inverse-1d``.

    Raises:
        StorageError: If there is no such database.
        RunMissingError: For a name that is neither a run nor a group nor a preset.
        InvalidValueError: If there is nothing to compare in one of them, trials of presets do not agree, or runs of a
            group are no repetitions of each other.
    """
    task = task or load_task(DEFAULT_TASK)
    records = run_records(url)
    together = _groups(url, names, records)
    _require_known([name for name in names if name not in together], records, task)
    meant = [run for name in names for run in together.get(name, [name] if name in records else [])]
    named = [records[name] for name in dict.fromkeys(meant)]
    wanted = {**_common(named), **(problem or {})}
    if any(name not in together and name not in records for name in names):
        wanted["task"] = task.name
    campaigns = load_campaigns(url, records, wanted)
    subjects = []
    for name in names:
        if name in together:
            members = [_of_run(url, records[run], campaigns, level) for run in together[name]]
            subjects.append(group_subject(name.partition("=")[0], members, level=level))
        elif name in records:
            subjects.append(_of_run(url, records[name], campaigns, level))
        else:
            values = task.presets[name]
            found = preset_subject(name, campaigns, wanted, level=level, values=values, metric=task.metric)
            subjects.append(found)
    for subject in subjects:
        warn_of_mixed_code(subject.name, subject.frame)
    several = differing({subject.name: subject.frame for subject in subjects if subject.kind == "preset"})
    if several:
        raise InvalidValueError(
            f"the trials of the presets do not agree: {several}; say which are meant, compute those that are missing "
            "with das-hpo evaluate, or name campaigns (das-hpo runs), which are compared as they are"
        )
    return subjects


def _groups(url: str, names: Sequence[str], records: Mapping[str, RunRecord]) -> dict[str, list[str]]:
    """The runs of each name that means a group.

    Raises:
        InvalidValueError: For a group without a name or runs, or whose name is a run's.
        RunMissingError: For a run that is not there.
    """
    from storage.engine import open_database
    from storage.groups import groups, runs_named

    found = {}
    with open_database(url) as database:
        known = groups(database)
        for name in names:
            own, equals, listed = name.partition("=")
            if equals:
                runs = [run for run in listed.split(",") if run]
                if not own or not runs:
                    raise InvalidValueError(f"a group of runs is written NAME=RUN,RUN,RUN, got {name!r}")
                if own in records or own in known:
                    raise InvalidValueError(f"{own!r} names a run or a group already: choose another name in {name!r}")
                found[name] = runs_named(database, runs)
            elif name in known and name not in records:
                found[name] = known[name]
    return found


def _require_known(names: Sequence[str], records: Mapping[str, RunRecord], task: Task) -> None:
    for name in names:
        if name not in records and name not in task.presets:
            latest = ", ".join(list(records)[-8:]) or "none yet"
            raise RunMissingError(
                f"no run, no group and no preset is named {name!r}: the latest runs are {latest}; "
                f"presets of {task.name} are {', '.join(task.presets) or 'none'}"
            )


def _of_run(url: str, record: RunRecord, campaigns: pandas.DataFrame, level: float) -> Subject:
    from storage.frames import load_results

    run = ComparedRun.of(record, load_results(url, record.name))
    return run_subject(replace(run, settings=settings_of_run(record)), campaigns, level=level)


def run_records(url: str) -> dict[str, RunRecord]:
    """All runs by name, the oldest first."""
    from storage import queries
    from storage.engine import open_database

    with open_database(url) as database:
        return {summary.run.name: summary.run for summary in queries.runs(database)}


def load_campaigns(url: str, records: Mapping[str, RunRecord], problem: Mapping[str, Any]) -> pandas.DataFrame:
    """The rows of all campaigns of that problem and method, with the further settings of each."""
    import pandas

    from storage.frames import load_results
    from storage.records import RESULT_COLUMNS

    wanted = [
        record
        for record in records.values()
        if record.kind == "campaign"
        and all(
            getattr(record, name) == problem.get(name, getattr(record, name)) for name in ("task", *PROBLEM, "method")
        )
    ]
    frames = [with_settings(load_results(url, record.name), record) for record in wanted]
    frames = [frame for frame in frames if len(frame)]
    return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame(columns=list(RESULT_COLUMNS))


def _common(named: Sequence[RunRecord]) -> dict[str, Any]:
    """The criteria in which all the named runs agree."""
    criteria = [_criteria(record) for record in named]
    return {
        name: value
        for name, value in (criteria[0].items() if criteria else ())
        if all(name in other and other[name] == value for other in criteria)
    }


def _criteria(record: RunRecord) -> dict[str, Any]:
    """The criteria of a stored run's trials; the budget is its largest, if its settings have one."""
    # A baseline is stored under its own name as the method: trials of a preset never have that.
    searches = record.kind == "run" or record.settings.get("kind") == "search" or record.method in METHODS
    budget = record.settings.get("budget", record.settings.get("max_budget"))
    return {
        **{name: getattr(record, name) for name in ("task", *PROBLEM)},
        **({"method": record.method} if searches else {}),
        **({} if budget is None else {"budget": float(budget)}),
        **settings_of(record),
    }
