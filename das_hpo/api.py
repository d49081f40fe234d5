"""What ``import das_hpo`` offers: runs, trials, comparisons, results and figures, as the commands have them.

    result = das_hpo.run("one-shot", name="first", iterations=2, min_budget=1, max_budget=9, workers=2)
    frame = das_hpo.load_results(run="first")
    das_hpo.figure("best-so-far", "first").savefig("first.png")

Options have the names, defaults and meanings that they have on the command line, with ``_`` for ``-``. What goes wrong
is an exception of :mod:`spaces.errors`. Local workers are processes that import nothing of the calling script, which
therefore needs no ``if __name__ == "__main__"``; they import a task, a plug-in or an optimiser of your own by its name.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from das_hpo import require_own_packages
from das_hpo.commands.command import DEFAULT_DATABASE
from das_hpo.commands.connecting import add_service, service, stop_on_signals
from das_hpo.durations import parse_duration
from das_hpo.names import default_run_name
from das_hpo.progress import Progress, Snapshot
from das_hpo.settings import RunSettings
from spaces.errors import InvalidValueError, TaskError, UnknownNameError
from spaces.plugins import load_plugins, named
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task
from spaces.trial import TrialOutcome, TrialSpec

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from das_hpo.analysis.comparison.compare import SideBySide
    from das_hpo.launching.cluster import Service
    from das_hpo.running import Summary
    from storage.records import Incumbent

#: Shows where a run is: True for a bar on stderr, or whatever is to be called a few times a second.
Watching = bool | Callable[[Snapshot], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        name: Its name.
        url: The database that it is in.
        status: ``completed`` or ``interrupted``.
        message: Why it was interrupted; None if it was not.
        evaluations: How many evaluations have ended, over its whole life.
        failed: How many of them failed, and say nothing of their configurations.
        best: Its best configuration, as ``das-hpo incumbent`` has it; None if there is none yet.
    """

    name: str
    url: str
    status: str
    message: str | None
    evaluations: int
    failed: int
    best: Incumbent | None

    def results(self) -> pandas.DataFrame:
        """Its evaluations; see :func:`load_results`."""
        return load_results(self.url, self.name)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Runs, campaigns and presets side by side; its text is what ``das-hpo compare`` prints.

    Attributes:
        subjects: One row for each that is compared: best configurations, cost, statistics of the scores.
        tests: One row for each pair: test, p values, probability of improvement, difference of the medians.
        verdict: What the data support, in sentences.
        compared: The same as objects.
    """

    subjects: pandas.DataFrame
    tests: pandas.DataFrame
    verdict: tuple[str, ...]
    compared: SideBySide

    def __str__(self) -> str:
        from das_hpo.commands.compare import sections

        return "\n".join(sections(self.compared, list(self.verdict)))


def run(
    objective: str,
    *,
    url: str | None = None,
    init: str | Sequence[str] = (),
    stop: threading.Event | None = None,
    progress: Watching = False,
    **options: Any,
) -> RunResult:
    """Runs an optimisation to its end, as ``das-hpo run``.

    Ctrl-C ends it cleanly and then raises KeyboardInterrupt: :func:`resume` continues it.

    Args:
        objective: ``one-shot`` or ``architecture``: the score that is optimised.
        url: SQLAlchemy URL of the database, which is made if it is not there; None for the environment's
            ``DAS_HPO_DB``, else ``sqlite:///das-hpo.db``.
        init: What is evaluated first: ``presets``, the name of an older run, or a file of hyperparameters.
        stop: Ends the run when it is set, from another thread; Ctrl-C is then yours to handle.
        progress: True shows the progress on stderr; a function is told it.
        **options: Settings of the run, that is the fields of :class:`das_hpo.settings.RunSettings` (``name``,
            ``iterations``, ``min_budget``, ``max_budget``, ``seed``, ``optimizer``, ``settings``, ...); ``task``
            may also be a :class:`spaces.task.Task` of a module that workers can import. And who computes:
            ``workers``, ``device``, ``kernel``, ``capacity``, ``plugins``, ``nameserver`` and the others of
            ``das-hpo run``.

    Raises:
        UsageError: For an option or value that is not valid, or a name that is taken; nothing has been done by then.
        DasHpoError: If database, nameserver, key or device cannot be used.
        KeyboardInterrupt: After Ctrl-C.
    """
    require_own_packages()
    database = _database(url)
    run_options, service_options = _parted(options)
    where = _service(service_options)
    if "task" in run_options or "settings" in run_options:
        run_options |= _door_and_settings(run_options.pop("task", DEFAULT_TASK), run_options.pop("settings", None))
    unnamed = "name" not in run_options
    asked = RunSettings.from_mapping({"name": "unnamed", **run_options, "objective": objective})
    if unnamed:
        name = default_run_name(objective, asked.configured_task().labels.data)
        asked = RunSettings.from_mapping({**run_options, "objective": objective, "name": name})
    if init:
        from das_hpo.optimisers.given import with_given

        asked = with_given(asked, [init] if isinstance(init, str) else list(init), database)
    from das_hpo import execution

    with _watched(stop, progress) as (event, tell):
        ended = execution.execute(asked, database, where, stop=event, progress=tell)
        return _result(ended, database, stop)


def resume(
    name: str,
    *,
    url: str | None = None,
    iterations: int | None = None,
    time_limit_s: float | str | None = None,
    stop: threading.Event | None = None,
    progress: Watching = False,
    **options: Any,
) -> RunResult:
    """Continues a run where it was interrupted, or extends it, as ``das-hpo resume``.

    Args:
        name: The run's name.
        url: As for :func:`run`.
        iterations: Of the whole run from now on, not fewer than so far; None for as many as so far.
        time_limit_s: Ends it after so many seconds from now, or after a text such as ``2h``; None for its own limit.
        stop: As for :func:`run`.
        progress: As for :func:`run`.
        **options: Who computes; as for :func:`run`.

    Raises:
        RunMissingError: If there is no such run.
        UsageError: If it is completed and not extended, or for an option that is not valid.
        DasHpoError: If database, nameserver, key or device cannot be used, or somebody else is running it.
        KeyboardInterrupt: After Ctrl-C.
    """
    require_own_packages()
    database, where = _database(url), _service(options)
    from das_hpo import execution

    limit_s = parse_duration(time_limit_s) if isinstance(time_limit_s, str) else time_limit_s
    with _watched(stop, progress) as (event, tell):
        ended = execution.resume(
            name, database, where, iterations=iterations, time_limit_s=limit_s, stop=event, progress=tell
        )
        return _result(ended, database, stop)


def evaluate(
    names: str | Sequence[str],
    *,
    url: str | None = None,
    stop: threading.Event | None = None,
    progress: Watching = False,
    **options: Any,
) -> pandas.DataFrame:
    """Trials of presets, or of the best configurations of runs, as ``das-hpo evaluate``.

    What the database has already is not computed again.

    Args:
        names: Presets and runs.
        url: As for :func:`run`.
        stop: As for :func:`run`.
        progress: As for :func:`run`.
        **options: Those of ``das-hpo evaluate``: ``trials``, ``epochs``, ``seed``, ``settings``, ``name`` and the
            others; ``space``, ``operations`` and ``data`` may be lists, which make several campaigns. And who
            computes; as for :func:`run`.

    Returns:
        One row for each campaign with the statistics of its trials; ``load_results(url, campaign)`` has the trials.

    Raises:
        UsageError: For an option or value that is not valid; nothing has been done by then.
        DasHpoError: If database, nameserver, key or device cannot be used.
        KeyboardInterrupt: After Ctrl-C.
    """
    require_own_packages()
    import pandas

    from das_hpo import execution
    from das_hpo.commands import campaigns, evaluate

    database = _database(url)
    if "task" in options:
        options |= _door_and_settings(options["task"], options.get("settings"))
    asked = [names] if isinstance(names, str) else list(names)
    args = _arguments(evaluate.configure, asked, {"db": database, **options})
    load_plugins(named(args.plugins))
    wanted = campaigns.under_their_names(args, database, evaluate.asked_campaigns(args))
    with _watched(stop, progress) as (event, tell):
        ended = execution.execute_campaigns(wanted, database, service(args), stop=event, progress=tell)
    _raise_if_interrupted(ended[-1], stop)
    table = campaigns.numbers(database, [campaign.name for campaign in wanted[: len(ended)]])
    return pandas.DataFrame(list(table.rows), columns=list(table.columns))


def run_trial(
    hyperparameters: str | Mapping[str, Any],
    *,
    budget: float,
    seed: int = 0,
    task: str | Task = DEFAULT_TASK,
    settings: Mapping[str, Any] | None = None,
    device: str = "cpu",
    retrain: bool = True,
) -> TrialOutcome:
    """One DAS search, and the retraining of what it found, in this process: no database, no worker.

    The numbers are those of a worker for the same hyperparameters, budget and seed on the same kind of device, if this
    process computes with one thread as a worker does (``OMP_NUM_THREADS=1``).

    Args:
        hyperparameters: All of the task's, by name, or the name of one of its presets.
        budget: Epochs of the search, and of the retraining.
        seed: From which every random number of the trial is derived.
        task: The task: its door, as ``--task`` takes it, or itself.
        settings: The task's settings; those that are not given have their defaults.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        retrain: Whether the architecture that was found is retrained.

    Raises:
        UsageError: For hyperparameters, settings, a budget or a seed that are not valid.
        DeviceError: If the device is not there.
    """
    require_own_packages()
    from workers.worker.devices import check_device
    from workers.worker.task_runner import run_task

    configured = (task if isinstance(task, Task) else load_task(task)).configured(settings or {})
    if isinstance(hyperparameters, str):
        if hyperparameters not in configured.presets:
            raise UnknownNameError(f"preset of {configured.name}", hyperparameters, configured.presets)
        hyperparameters = configured.presets[hyperparameters]
    configured.check_hyperparameters(hyperparameters)
    spec = TrialSpec(
        task=configured.name,
        hyperparameters=dict(hyperparameters),
        budget=budget,
        seed=seed,
        retrain=retrain,
        settings=configured.settings,
    )
    configured.check_trial(spec)
    (outcome,) = run_task(configured, [spec], check_device(device))
    return outcome


def compare(
    names: str | Sequence[str],
    *,
    url: str | None = None,
    level: float = 0.95,
    task: str | Task = DEFAULT_TASK,
    epochs: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ComparisonResult:
    """Runs, campaigns and presets side by side, with tests and a verdict, as ``das-hpo compare``.

    Args:
        names: Runs, campaigns and presets.
        url: As for :func:`run`, of a database that is there.
        level: Confidence level of intervals and tests, between 0 and 1.
        task: Whose presets are meant: the task's door, or itself.
        epochs: Which trials of presets are meant, by budget; None for that of the runs named, or any.
        settings: Which trials of presets are meant, by ``space``, ``operations``, ``data``, ``method`` and other
            settings of the task.

    Raises:
        RunMissingError: For a name that is neither a run nor a preset.
        UsageError: If there is nothing to compare, or the trials of presets do not agree; says what differs.
        StorageError: If there is no such database.
    """
    require_own_packages()
    import pandas

    from das_hpo.analysis.comparison.compare import compare_subjects
    from das_hpo.analysis.comparison.lookup import load_subjects
    from das_hpo.analysis.comparison.verdicts import verdicts
    from das_hpo.analysis.statistics.samples import check_level
    from das_hpo.commands import compare as command

    asked = [names] if isinstance(names, str) else list(names)
    of = task if isinstance(task, Task) else load_task(task)
    problem = command.trials_meant(of, settings or {}, epochs)
    subjects = load_subjects(_database(url), asked, problem, level=check_level(level), task=of)
    compared = compare_subjects(subjects, level=level)
    return ComparisonResult(
        subjects=pandas.DataFrame([command.subject_record(subject) for subject in compared.subjects]),
        tests=pandas.DataFrame([command.comparison_record(test) for test in compared.comparisons]),
        verdict=tuple(verdicts(compared)),
        compared=compared,
    )


def load_results(url: str | None = None, run: str | None = None) -> pandas.DataFrame:
    """The view ``results`` as a DataFrame: one row per evaluation; see :func:`storage.frames.load_results`.

    Args:
        url: As for :func:`run`, of a database that is there.
        run: The name of one run or campaign; None for all.

    Raises:
        ImportError: If Python finds another's module ``storage`` first, such as one in the current folder.
        DatabaseMissingError: If there is no database at the URL.
        RunMissingError: If no run has that name.
    """
    require_own_packages()
    from storage.frames import load_results as load

    return load(_database(url), run)


def figure(name: str, runs: str | Sequence[str], *, url: str | None = None) -> Figure:
    """A figure of stored runs or campaigns, as the report has it, to be shown, changed or saved with matplotlib.

    Args:
        name: One of :func:`figure_names`.
        runs: A run or campaign; ``best-so-far``, ``scatter``, ``distributions`` and ``best-of-k`` take several.
        url: As for :func:`run`, of a database that is there.

    Raises:
        UnknownNameError: If there is no such figure.
        RunMissingError: If there is no such run.
        InvalidValueError: For more runs than the figure shows, or runs of several tasks.
        StorageError: If there is no such database.
    """
    require_own_packages()
    from das_hpo.analysis.report.gallery import check, draw
    from das_hpo.analysis.report.run_data import read

    asked = [runs] if isinstance(runs, str) else list(runs)
    check(name, asked)
    return draw(name, read(_database(url), asked))


def figure_names() -> tuple[str, ...]:
    """The names of the figures."""
    require_own_packages()
    from das_hpo.analysis.report.gallery import FIGURES

    return tuple(FIGURES)


def _database(url: str | None) -> str:
    found = url or os.environ.get("DAS_HPO_DB") or DEFAULT_DATABASE
    if "://" not in found:
        raise InvalidValueError(
            f"url takes a URL such as {DEFAULT_DATABASE} or postgresql://user@host/name, got {found!r}"
        )
    return found


def _parted(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of a run, and who computes it.

    Raises:
        UnknownNameError: For an option that is neither.
    """
    of_run = {field.name for field in fields(RunSettings)} | {"space", "operations", "data", "method"}
    of_run -= {"objective", "given"}
    of_service = set(_defaults(add_service))
    for name in options:
        if name not in of_run | of_service:
            raise UnknownNameError("option", name, sorted(of_run | of_service))
    return (
        {name: value for name, value in options.items() if name in of_run},
        {name: value for name, value in options.items() if name not in of_run},
    )


def _service(options: Mapping[str, Any]) -> Service:
    """Who computes, by the options of the command line; plug-ins are imported here, too."""
    args = _arguments(add_service, [], options)
    load_plugins(named(args.plugins))
    return service(args)


def _defaults(configure: Callable[[argparse.ArgumentParser], None], words: Sequence[str] = ()) -> dict[str, Any]:
    """The options that a command has, with their defaults."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    configure(parser)
    return vars(parser.parse_args(list(words)))


def _arguments(
    configure: Callable[[argparse.ArgumentParser], None], words: Sequence[str], options: Mapping[str, Any]
) -> argparse.Namespace:
    """What a command's options would be, with those that are given in place of their defaults.

    Raises:
        UnknownNameError: For an option that the command does not have.
    """
    if any(not isinstance(word, str) or word.startswith("-") or not word for word in words):
        raise InvalidValueError(f"names of presets and runs are needed, got {list(words)!r}")
    known = _defaults(configure, words)
    given: dict[str, Any] = {}
    for name, value in options.items():
        name = _ALIASES.get(name, name) if name not in known else name
        if name not in known:
            raise UnknownNameError("option", name, sorted({*known, *_ALIASES} - {"names", "format", "quiet"}))
        if name in _LISTS and isinstance(value, str):
            value = [value]
        if name in _DURATIONS and isinstance(value, str):
            value = parse_duration(value)
        given[name] = value
    return argparse.Namespace(**{**known, **given})


#: Options that may be given several times on the command line.
_LISTS = ("space", "operations", "data", "plugins")

#: Options that may be text such as ``30s``.
_DURATIONS = ("wait", "lease", "time_limit", "evaluation_timeout", "time_limit_s", "evaluation_timeout_s")

#: The field of a setting that has another name on the command line.
_ALIASES = {
    "settings": "choices",
    "epochs": "budget",
    "time_limit_s": "time_limit",
    "evaluation_timeout_s": "evaluation_timeout",
}


def _door_and_settings(task: str | Task, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """A task as a run stores it: by the door through which workers import it, and its settings.

    Raises:
        TaskError: If it is an object that no door leads to.
    """
    if isinstance(task, str):
        return {"task": task, "settings": dict(settings or {})}
    cls = task if isinstance(task, type) else type(task)
    module = sys.modules.get(cls.__module__)
    if not issubclass(cls, Task) or module is None:
        raise TaskError(f"a task is a door such as package.module:object, or an object of it, got {task!r}")
    names = [name for name, value in vars(module).items() if value is task]
    if cls.__module__ == "__main__" or (not names and "<locals>" in cls.__qualname__):
        raise TaskError(
            f"workers are other processes and cannot import {cls.__qualname__} from this script, notebook or function: "
            "put the task into a module of its own and give it as 'module:object'; run_trial takes any task"
        )
    door = f"{cls.__module__}:{names[0] if names else cls.__qualname__}"
    given = {} if isinstance(task, type) else dict(task.settings)
    return {"task": door, "settings": {**given, **(settings or {})}}


@contextmanager
def _watched(
    stop: threading.Event | None, progress: Watching
) -> Iterator[tuple[threading.Event, Callable[[Snapshot], None] | None]]:
    """What ends the run, Ctrl-C unless the caller has an event, and who is told where it is."""
    with ExitStack() as stack:
        event = stop
        if event is None:
            # Only the main thread may handle signals.
            in_main = threading.current_thread() is threading.main_thread()
            event = stack.enter_context(stop_on_signals()) if in_main else threading.Event()
        if progress is True:
            yield event, stack.enter_context(Progress()).update
        else:
            yield event, progress or None


def _raise_if_interrupted(ended: Summary, stop: threading.Event | None) -> None:
    if ended.signalled and stop is None:
        raise KeyboardInterrupt(f"the run {ended.run} has ended cleanly: das_hpo.resume({ended.run!r}) continues it")


def _result(ended: Summary, url: str, stop: threading.Event | None) -> RunResult:
    from storage import queries
    from storage.engine import open_database

    _raise_if_interrupted(ended, stop)
    with open_database(url) as database:
        best = queries.incumbents(database, ended.run)
    return RunResult(
        name=ended.run,
        url=url,
        status=ended.status,
        message=ended.message,
        evaluations=ended.snapshot.finished,
        failed=ended.snapshot.failed,
        best=best[0] if best else None,
    )
