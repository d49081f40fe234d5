"""Configurations that a run evaluates first (``--init``): presets, those of an older run, those of a file.

    presets     the paper's presets
    FILE        a .json file with a list of hyperparameters, or a .csv file with a column for each
    RUN         the best configurations of a run of the database, at most as many as the first rung has places

Of each point the hyperparameters that the run searches are taken; each of them must be there, and within its range.
What was given is stored with the run's settings, so that a resume needs neither the file nor the older run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import IntegerHyperparameter, NumericalHyperparameter

from das_hpo.optimisers.queue import make_optimizer
from das_hpo.settings import Given, RunSettings
from spaces.errors import DatabaseMissingError, InvalidValueError, RunMissingError

#: The word for the paper's presets.
ALL_PRESETS = "presets"

#: How the names of files end.
FILES = (".json", ".csv")


def with_given(settings: RunSettings, words: Sequence[str], url: str) -> RunSettings:
    """The settings of a run with what its ``--init`` options name, in their order, each configuration once.

    Args:
        settings: The run, with nothing given yet.
        words: ``presets``, names of .json and .csv files, names of runs.
        url: The database with the older runs.

    Raises:
        UsageError: If one cannot be found or read, or does not fit the run.
    """
    space = settings.hyperparameter_space().space
    given: list[Given] = []
    for found in [each for word in words for each in _read(word, settings, url)]:
        checked = replace(found, configuration=_checked(space, found.configuration, found.label))
        if all(checked.configuration != other.configuration for other in given):
            given.append(checked)
    asked = replace(settings, given=tuple(given))
    make_optimizer(asked)  # refuses more than the run has room for
    return asked


def first_rung(settings: RunSettings) -> int:
    """How many configurations a run evaluates before it needs a result or begins its second iteration."""
    optimizer = make_optimizer(settings)
    count = 0
    while (proposal := optimizer.ask()) is not None and proposal.configuration_id.iteration == 0:
        count += 1
    return count


def _read(word: str, settings: RunSettings, url: str) -> list[Given]:
    """What one word names, not checked yet."""
    if word == ALL_PRESETS:
        hyperparameter_space = settings.hyperparameter_space()
        presets = settings.configured_task().presets
        return [Given(hyperparameter_space.configuration(point), "preset", name) for name, point in presets.items()]
    if word.lower().endswith(FILES):
        path = Path(word)
        return [
            Given(dict(point), "fixed", f"{path.name} {number}") for number, point in enumerate(_entries(path), start=1)
        ]
    return _of_run(word, settings, url)


def _of_run(run: str, settings: RunSettings, url: str) -> list[Given]:
    """The best configurations of an older run, by the new run's objective."""
    from storage import queries
    from storage.engine import open_database

    try:
        with open_database(url) as database:
            best = queries.incumbents(database, run, settings.objective, top=first_rung(settings))
    except (DatabaseMissingError, RunMissingError) as error:
        raise InvalidValueError(
            f"--init takes 'presets', a .json or .csv file, or a run of the database, got {run!r}: {error}"
        ) from None
    if not best:
        raise InvalidValueError(
            f"the run {run!r} has no configuration with a score of the objective {settings.objective} to begin with"
        )
    point = settings.hyperparameter_space().configuration
    return [Given(point(one.hyperparameters), "fixed", f"{run} {one.configuration_id}") for one in best]


def _entries(path: Path) -> list[Mapping[str, Any]]:
    """The points of a file, as they are written."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            read: Any = list(csv.DictReader(file)) if path.suffix.lower() == ".csv" else json.load(file)
    except FileNotFoundError:
        raise InvalidValueError(f"--init: there is no file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise InvalidValueError(f"--init: {str(path)!r} cannot be read: {error}") from None
    entries = [read] if isinstance(read, dict) else read
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidValueError(
            f"--init: {str(path)!r} must hold a list of hyperparameters, as `das-hpo presets -f json` prints them"
        )
    return entries


def _checked(space: ConfigurationSpace, point: Mapping[str, Any], label: str) -> dict[str, Any]:
    """The searched hyperparameters of a point, each as its own type.

    Raises:
        InvalidValueError: If one is missing, or has a value outside of what is searched.
    """
    missing = [name for name in space if name not in point and not space.parents_of[name]]
    if missing:
        raise InvalidValueError(f"{label} lacks {', '.join(missing)}, which the run searches")
    checked = {}
    for name, hyperparameter in space.items():
        if name not in point:
            continue
        value = point[name]
        if isinstance(hyperparameter, NumericalHyperparameter):
            value = _number(value, whole=isinstance(hyperparameter, IntegerHyperparameter))
            valid = f"a number in [{hyperparameter.lower:g}, {hyperparameter.upper:g}]"
        else:
            value = str(value).lower() if isinstance(value, bool) else value
            choices = list(getattr(hyperparameter, "choices", getattr(hyperparameter, "sequence", ())))
            by_text = {str(choice).lower(): choice for choice in choices}
            value = by_text.get(str(value).lower(), value)
            valid = f"one of {', '.join(map(str, choices))}"
        if value is None or not hyperparameter.legal_value(value):
            raise InvalidValueError(f"{label}: {name} is searched as {valid}, got {point[name]!r}")
        checked[name] = value
    return checked


def _number(value: object, *, whole: bool) -> float | int | None:
    """A number that a file may hold as text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    if whole:
        return int(number) if number.is_integer() else None
    return number
