"""The arguments of :mod:`das_hpo.api` as what the commands take: the same options, defaults and checks."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import DEFAULT_DATABASE
from das_hpo.commands.connecting import add_service, service, stop_on_signals
from das_hpo.declaration import declarations
from das_hpo.durations import parse_duration
from das_hpo.progress import Progress, Snapshot
from das_hpo.settings import RunSettings
from das_hpo.task_options import TASK_OPTIONS
from spaces.errors import InvalidValueError, TaskError, UnknownNameError
from spaces.plugins import load_plugins, named
from spaces.task import Task

if TYPE_CHECKING:
    from das_hpo.launching.cluster import Service

#: Shows where a run is: True for a bar on stderr, or whatever is to be called a few times a second.
Watching = bool | Callable[[Snapshot], None]

#: Options that may be given several times on the command line.
_LISTS = ("plugins", *(name for name, option in TASK_OPTIONS.items() if option.several))

#: Options that may be text such as ``30s``.
_DURATIONS = ("wait", "lease", "time_limit_s", "evaluation_timeout_s")

#: The options whose names are not those of their settings.
_ALIASES = {"epochs": "budget"}


def database_url(url: str | None) -> str:
    """The database: the one named, else that of the environment, else the default.

    Raises:
        InvalidValueError: If it is no URL.
    """
    found = url or os.environ.get("DAS_HPO_DB") or DEFAULT_DATABASE
    if "://" not in found:
        raise InvalidValueError(
            f"url takes a URL such as {DEFAULT_DATABASE} or postgresql://user@host/name, got {found!r}"
        )
    return found


def parted(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of a run, and who computes it.

    Raises:
        UnknownNameError: For an option that is neither.
    """
    of_run = {*declarations(RunSettings), *TASK_OPTIONS}
    of_run -= {"objective", "given"}
    of_service = set(_defaults(add_service))
    for name in options:
        if name not in of_run | of_service:
            raise UnknownNameError("option", name, sorted(of_run | of_service))
    return (
        {name: value for name, value in options.items() if name in of_run},
        {name: value for name, value in options.items() if name not in of_run},
    )


def who_computes(options: Mapping[str, Any]) -> Service:
    """Who computes, as the options of the command line say."""
    return service(arguments(add_service, [], options))


def _defaults(configure: Callable[[argparse.ArgumentParser], None], words: Sequence[str] = ()) -> dict[str, Any]:
    """The options that a command has, with their defaults."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    configure(parser)
    return vars(parser.parse_args(list(words)))


def arguments(
    configure: Callable[[argparse.ArgumentParser], None], words: Sequence[str], options: Mapping[str, Any]
) -> argparse.Namespace:
    """What a command's options would be, with those that are given in place of their defaults; imports plug-ins.

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
    args = argparse.Namespace(**{**known, **given})
    load_plugins(named(args.plugins))
    return args


def door_and_settings(task: str | Task, settings: Mapping[str, Any] | None) -> dict[str, Any]:
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
def watched(
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
