"""Finding a task by its door, and telling its code apart from other code.

A door is what ``--task`` takes: the name of a built-in task, ``package.module:object``, or the name of an entry
point in the group ``das_hpo.tasks``. Only what is named is imported.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Iterator

from spaces.errors import TaskError
from spaces.sources import fingerprint_of
from spaces.task import Labels, Metric, Task

#: Built-in tasks, each through the door that is everybody's.
BUILT_IN = {"inverse-1d": "workers.inverse_1d:TASK"}

#: What a run is of unless it is told otherwise.
DEFAULT_TASK = "inverse-1d"

#: The group of entry points, for tasks that are installed as packages.
GROUP = "das_hpo.tasks"

#: Doors of the tasks that a worker may run, comma-separated, beside those of its command line.
ENVIRONMENT = "DAS_HPO_TASKS"

#: Stands in a fingerprint before that of the plug-ins.
PLUS = "+"


@functools.cache
def load_task(door: str) -> Task:
    """The task behind a door; what its import prints goes to stderr.

    Raises:
        TaskError: In one line, if it cannot be imported or is no task.
    """
    path = BUILT_IN.get(door) or (door if ":" in door else _entry_point(door))
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise TaskError(f"--task takes package.module:object or the name of an installed task, got {door!r}")
    _look_in_current_folder()
    try:
        with quiet():
            found: object = importlib.import_module(module_name)
            for part in attribute.split("."):
                found = getattr(found, part)
            if isinstance(found, type) and issubclass(found, Task):
                found = found()
    except (Exception, SystemExit) as error:
        raise TaskError(f"the task {door!r} cannot be loaded: {one_line(error)}") from error
    if not isinstance(found, Task):
        raise TaskError(
            f"{door!r} is {type(found).__name__!r} and no task: it must be an object of a subclass of spaces.task.Task"
        )
    return _checked(found, door)


def doors_of_environment() -> list[str]:
    """What :data:`ENVIRONMENT` names."""
    return [door.strip() for door in os.environ.get(ENVIRONMENT, "").split(",") if door.strip()]


def fingerprint(task: Task) -> str:
    """Which code computes a task with its settings: 16 hexadecimal digits of a hash of the task's version and source.

    The source is that of the module in which the task's class is defined, of the modules of its base classes, and
    of ``task.sources``; see :func:`spaces.sources.fingerprint_of`. Where parts of the task are of plug-ins, a plus sign
    and ``task.plugins`` follow.

    Raises:
        TaskError: If a source cannot be found.
    """
    own = [base.__module__ for base in type(task).__mro__ if base is not Task and issubclass(base, Task)]
    mine = _fingerprint(task.name, task.version, tuple(dict.fromkeys((*own, *task.sources))))
    return f"{mine}{PLUS}{task.plugins}" if task.plugins else mine


def without_plugins(whole: str) -> str:
    """The part of a fingerprint that all runs of a task share: a worker presents it before it knows of any trial."""
    return whole.partition(PLUS)[0]


@functools.cache
def _fingerprint(name: str, version: str, modules: tuple[str, ...]) -> str:
    return fingerprint_of((name, version), modules)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What a task prints goes to stderr: stdout is for data."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def one_line(error: BaseException) -> str:
    """An exception's type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _checked(task: Task, door: str) -> Task:
    """The task, whose name, metric and labels are what they must be."""
    try:
        with quiet():
            valid = isinstance(task.metric, Metric) and isinstance(task.labels, Labels)
            named = isinstance(task.name, str) and 0 < len(task.name) <= 64 and task.name.isprintable()
    except (Exception, SystemExit) as error:
        raise TaskError(f"the task {door!r} cannot be used: {one_line(error)}") from error
    if not valid or not named:
        raise TaskError(f"the task {door!r} needs a name (text of up to 64 letters), a Metric and Labels")
    if task.name in BUILT_IN and BUILT_IN[task.name].partition(":")[0] != type(task).__module__:
        raise TaskError(f"the task {door!r} is named {task.name!r}, which is a built-in task's name: choose another")
    return task


def _entry_point(name: str) -> str:
    from importlib.metadata import entry_points

    installed = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    if name not in installed:
        valid = ", ".join([*BUILT_IN, *sorted(installed)])
        raise TaskError(f"unknown task {name!r}: valid are {valid}, or package.module:object for one of your own")
    return installed[name]


def _look_in_current_folder() -> None:
    """The console script does not look there; last, so that nothing of ours is covered by a file of that name."""
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
