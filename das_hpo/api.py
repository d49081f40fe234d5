"""What ``import das_hpo`` offers: runs, trials, comparisons, results and figures, as the commands have them.

    result = das_hpo.run("one-shot", name="first", iterations=2, min_budget=1, max_budget=9, workers=2)
    frame = das_hpo.load_results(run="first")
    das_hpo.figure("best-so-far", "first").savefig("first.png")

Options have the names, defaults and meanings that they have on the command line, with ``_`` for ``-``. What goes wrong
is an exception of :mod:`spaces.errors`. Local workers are processes that import nothing of the calling script, which
therefore needs no ``if __name__ == "__main__"``; they import a task, a plug-in or an optimiser of your own by its name.
Every function raises ImportError if Python would import another's module in place of one of das-hpo's packages.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from das_hpo import require_own_packages
from das_hpo.arguments import Watching, arguments, database_url, door_and_settings, parted, watched, who_computes
from das_hpo.commands.connecting import service
from das_hpo.comparison_result import ComparisonResult as ComparisonResult  # offered, too
from das_hpo.names import default_run_name
from das_hpo.settings import RunSettings
from spaces.errors import UnknownNameError
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task
from spaces.trial import TrialOutcome, TrialSpec
from storage.entries import FINISHED_STATUSES, RUN_REQUESTS

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from das_hpo.running import RunOutcome
    from storage.records import Incumbent


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        name: Its name.
        url: The database that it is in.
        status: ``completed``, ``interrupted``, ``cancelled`` or ``paused``.
        message: Why it ended early; None if it did not.
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


def run(
    objective: str,
    *,
    url: str | None = None,
    init: str | Sequence[str] = (),
    resume: bool = False,
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
        resume: Whether a run of that name and the same settings is continued if it is there, and taken as it is if it
            is completed: for scripts and notebooks that are executed again.
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
    database = database_url(url)
    run_options, service_options = parted(options)
    where = who_computes(service_options)
    if "task" in run_options or "settings" in run_options:
        run_options |= door_and_settings(run_options.pop("task", DEFAULT_TASK), run_options.pop("settings", None))
    asked = RunSettings.from_mapping({"name": "unnamed", **run_options, "objective": objective})
    if "name" not in run_options:
        asked = replace(asked, name=default_run_name(objective, asked.configured_task().labels.data))
    if init:
        from das_hpo.optimisers.given import with_given

        asked = with_given(asked, [init] if isinstance(init, str) else list(init), database)
    from das_hpo import execution

    stored = execution.stored_run(asked, database, resume=resume)
    if stored is not None and stored.state in ("completed", *RUN_REQUESTS.values()):  # resume() goes on with these
        return _result(asked.name, database)
    with watched(stop, progress) as (event, tell):
        if stored is None:
            ended = execution.execute(asked, database, where, stop=event, progress=tell)
        else:
            changes = execution.Changes(time_limit_s=asked.time_limit_s)
            ended = execution.resume(asked.name, database, where, changes, stop=event, progress=tell)
    _raise_if_interrupted(ended, stop)
    return _result(asked.name, database)


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
        **options: Who computes, as for :func:`run`; and ``accept_code_change=True`` goes on although the code of the
            run's task has changed.

    Raises:
        UsageError: If there is no such run, it is completed and not extended, or an option is not valid.
        DasHpoError: If database, nameserver, key or device cannot be used, or somebody else is running it.
        KeyboardInterrupt: After Ctrl-C.
    """
    require_own_packages()
    from das_hpo import execution
    from das_hpo.commands import resume as command

    database = database_url(url)
    given = {"iterations": iterations, "time_limit_s": time_limit_s, **options}
    args = arguments(command.configure, [name], given)
    changes = execution.Changes(args.iterations, args.time_limit_s, args.accept_code_change)
    with watched(stop, progress) as (event, tell):
        ended = execution.resume(name, database, service(args), changes, stop=event, progress=tell)
    _raise_if_interrupted(ended, stop)
    return _result(name, database)


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
        **options: Those of ``das-hpo evaluate``: ``trials``, ``epochs``, ``settings``, ``workers`` and the others;
            ``space``, ``operations`` and ``data`` may be lists, which make several campaigns. With
            ``until_decided=True`` (and ``margin``, ``max_trials``), trials are added until it is decided which is
            better.

    Returns:
        One row for each campaign with the statistics of its trials; ``load_results(url, campaign)`` has the trials, and
        ``compare(list(frame["campaign"]))`` the verdict.

    Raises:
        DasHpoError: As :func:`run` does.
        KeyboardInterrupt: After Ctrl-C.
    """
    require_own_packages()
    import pandas

    from das_hpo import execution
    from das_hpo.commands import campaigns, deciding, evaluate

    database = database_url(url)
    if "task" in options:
        options |= door_and_settings(options["task"], options.get("settings"))
    asked = [names] if isinstance(names, str) else list(names)
    args = arguments(evaluate.configure, asked, {"db": database, **options})
    wanted = campaigns.under_their_names(args, database, evaluate.asked_campaigns(args))
    with watched(stop, progress) as (event, tell):
        if args.until_decided:
            ended = deciding.execute(args, database, wanted, event, tell).outcomes
        else:
            ended = execution.execute_campaigns(wanted, database, service(args), stop=event, progress=tell)
    _raise_if_interrupted(ended[-1], stop)
    table = campaigns.numbers(database, [one.run for one in ended])
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
        plugins=configured.plugins,
    )
    configured.check_trial(spec)
    (outcome,) = run_task(configured, [spec], check_device(device))
    return outcome


def compare(
    names: str | Sequence[str],
    *,
    url: str | None = None,
    level: float = 0.95,
    margin: float | None = None,
    task: str | Task = DEFAULT_TASK,
    epochs: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ComparisonResult:
    """Runs, campaigns and presets side by side, with tests and a verdict, as ``das-hpo compare``.

    Args:
        names: Runs, campaigns and presets.
        url: As for :func:`run`, of a database that is there.
        level: Confidence level of intervals and tests, between 0 and 1.
        margin: Differences smaller than this are of no consequence, in the metric's unit; 0 for no margin, None for
            0.25 dB, and for none if the metric is not in dB.
        task: Whose presets are meant: the task's door, or itself.
        epochs: Which trials of presets are meant, by budget; None for that of the runs named, or any.
        settings: Which trials of presets are meant, by ``space``, ``operations``, ``data``, ``method`` and other
            settings of the task.

    Raises:
        UsageError: For an unknown name, for nothing to compare, or if the trials of presets do not agree.
        StorageError: If there is no such database.
    """
    require_own_packages()
    import pandas

    from das_hpo.analysis.comparison.compare import compare_subjects
    from das_hpo.analysis.comparison.lookup import load_subjects
    from das_hpo.analysis.comparison.verdicts import verdicts
    from das_hpo.analysis.statistics.decisions import check_margin
    from das_hpo.analysis.statistics.samples import check_level
    from das_hpo.commands import compare as command
    from das_hpo.commands.comparison_records import comparison_record, subject_record

    asked = [names] if isinstance(names, str) else list(names)
    if margin is not None:
        check_margin(margin)
    of = task if isinstance(task, Task) else load_task(task)
    problem = command.trials_meant(of, settings or {}, epochs)
    subjects = load_subjects(database_url(url), asked, problem, level=check_level(level), task=of)
    compared = compare_subjects(subjects, level=level, margin=margin)
    return ComparisonResult(
        subjects=pandas.DataFrame([subject_record(subject) for subject in compared.subjects]),
        tests=pandas.DataFrame([comparison_record(test, compared) for test in compared.comparisons]),
        verdict=tuple(verdicts(compared)),
        compared=compared,
    )


def load_results(url: str | None = None, run: str | None = None) -> pandas.DataFrame:
    """The view ``results`` as a DataFrame: one row per evaluation; see :func:`storage.frames.load_results`.

    Args:
        url: As for :func:`run`, of a database that is there.
        run: The name of one run or campaign; None for all.

    Raises:
        DasHpoError: If there is no database at the URL, or no run of that name.
    """
    require_own_packages()
    from storage.frames import load_results as load

    return load(database_url(url), run)


def figure(name: str, runs: str | Sequence[str], *, url: str | None = None) -> Figure:
    """A figure of stored runs or campaigns, as the report has it, to be shown, changed or saved with matplotlib.

    Args:
        name: One of :func:`figure_names`.
        runs: A run or campaign; ``best-so-far``, ``scatter``, ``distributions`` and ``best-of-k`` take several.
        url: As for :func:`run`, of a database that is there.

    Raises:
        UsageError: If there is no such figure or run, for more runs than it shows, or runs of several tasks.
        StorageError: If there is no such database.
    """
    require_own_packages()
    from das_hpo.analysis.report.gallery import check, draw
    from das_hpo.analysis.report.run_data import read

    asked = [runs] if isinstance(runs, str) else list(runs)
    check(name, asked)
    return draw(name, read(database_url(url), asked))


def figure_names() -> tuple[str, ...]:
    """The names of the figures."""
    from das_hpo.analysis.report.gallery import FIGURES

    return tuple(FIGURES)


def _raise_if_interrupted(ended: RunOutcome, stop: threading.Event | None) -> None:
    if ended.signalled and ended.status == "interrupted" and stop is None:
        raise KeyboardInterrupt(f"the run {ended.run} has ended cleanly: das_hpo.resume({ended.run!r}) continues it")


def _result(name: str, url: str) -> RunResult:
    """What the database has of a run."""
    from storage import queries
    from storage.engine import open_database

    with open_database(url) as database:
        summary, best = queries.show(database, name), queries.incumbents(database, name)
    return RunResult(
        name=name,
        url=url,
        status=summary.run.state,
        message=summary.run.message,
        evaluations=sum(summary.counts[status] for status in FINISHED_STATUSES),
        failed=summary.counts["failed"],
        best=best[0] if best else None,
    )
