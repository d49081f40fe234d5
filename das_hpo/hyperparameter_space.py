"""The hyperparameter space of a run: the task's, narrowed, fixed, or replaced by a file of ConfigSpace's own format.

--range NAME=LOW:HIGH     narrows (or widens) the range of a number
--fix NAME=VALUE          takes a hyperparameter out of the search
--space-file FILE         ConfigSpace's JSON or YAML in the place of the task's space; it may add hyperparameters
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.task import Task
from spaces.task_registry import one_line, quiet
from spaces.values import read_value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

#: How ConfigSpace calls hyperparameters that have a range, and what their bounds are.
_RANGED: dict[str, type] = {
    "uniform_float": float,
    "normal_float": float,
    "beta_float": float,
    "uniform_int": int,
    "normal_int": int,
    "beta_int": int,
}


class HyperparameterSpace:
    """What a run searches, and what it holds fixed.

    Args:
        task: Configured.
        ranges: Bounds by name, in place of the task's.
        fixed: Values by name; text is read as the hyperparameter's type.
        document: What a file of ConfigSpace's format holds, as :func:`read_space_file` reads it; None for the
            task's own space.

    Attributes:
        space: The ConfigurationSpace that is searched.
        fixed: Values of what is not, as their types.

    Raises:
        UsageError: If a name is none of the space's, a value does not fit, or nothing would be left to search.
    """

    def __init__(
        self,
        task: Task,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        fixed: Mapping[str, Any] | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        self._task = task
        ranges, fixed = ranges or {}, fixed or {}
        self.fixed: dict[str, Any] = {}
        with quiet():
            self.space = task.configuration_space() if document is None else _space_of(document)
        if ranges or fixed:
            self.space = self._changed(ranges, fixed)
        if not len(self.space):
            raise InvalidValueError("every hyperparameter is fixed: nothing is left to search (see das-hpo evaluate)")
        task.check_hyperparameters(self.hyperparameters(native(self.space.get_default_configuration())))

    def hyperparameters(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """What a trial is given for a point of the space."""
        own = self._task.hyperparameters({**native(configuration), **self.fixed})
        return {**own, **self.fixed}

    def configuration(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """The point of the space that :meth:`hyperparameters` reads back."""
        values = self._task.configuration(hyperparameters)
        return {name: values[name] for name in self.space if name in values}

    def _changed(self, ranges: Mapping[str, tuple[float, float]], fixed: Mapping[str, Any]) -> ConfigurationSpace:
        document = self.space.to_serialized_dict()
        entries = {entry["name"]: entry for entry in document["hyperparameters"]}
        both = sorted(set(ranges) & set(fixed))
        if both:
            raise InvalidValueError(f"{', '.join(both)}: either a range or a fixed value, not both")
        for name, (low, high) in ranges.items():
            if name not in entries:
                raise UnknownNameError("hyperparameter", name, entries)
            _narrow(entries[name], low, high)
        for name, value in fixed.items():
            self.fixed[name] = self._fixed_value(name, value, entries)
            entries.pop(name, None)
        bound = str([*document["conditions"], *document["forbiddens"]])
        needed = [name for name in fixed if f"'{name}'" in bound]
        if needed:
            raise InvalidValueError(
                f"{', '.join(needed)}: other hyperparameters depend on it; write the space you want to a --space-file"
            )
        return _space_of({**document, "hyperparameters": list(entries.values())})

    def _fixed_value(self, name: str, value: Any, entries: Mapping[str, Mapping[str, Any]]) -> Any:
        """The value as the hyperparameter's type, which the task may write otherwise than its space does."""
        default = self._task.hyperparameters(native(self.space.get_default_configuration()))
        if name not in default:
            raise UnknownNameError("hyperparameter", name, default)
        read = read_value(name, value, type(default[name]))
        choices = entries.get(name, {}).get("choices") or entries.get(name, {}).get("sequence")
        if choices is not None and _word(read) not in {_word(choice) for choice in choices}:
            raise UnknownNameError(name, value, [_word(choice) for choice in choices])
        if isinstance(read, float) and not math.isfinite(read):
            raise InvalidValueError(f"{name} takes a finite number, got {value!r}")
        return read


def read_space_file(path: str) -> dict[str, Any]:
    """A file of ConfigSpace's own JSON or YAML, as builtin types.

    Raises:
        InvalidValueError: In one line, if it cannot be read, or holds something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValueError(f"the space file {path} cannot be read: {one_line(error)}") from None
    try:
        if path.endswith((".yaml", ".yml")):
            import yaml

            document: Any = yaml.safe_load(text)
        else:
            import json

            document = json.loads(text)
    except ModuleNotFoundError:
        raise InvalidValueError(f"{path} is YAML, for which pyyaml is needed: install it, or write JSON") from None
    except Exception as error:
        raise InvalidValueError(f"the space file {path} cannot be read: {one_line(error)}") from error
    if not isinstance(document, dict):
        raise InvalidValueError(f"the space file {path} must hold what ConfigurationSpace.to_json or to_yaml writes")
    _space_of(document)
    return document


def native(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration's values as builtin types."""
    return {str(name): value.item() if hasattr(value, "item") else value for name, value in dict(configuration).items()}


def _space_of(document: Mapping[str, Any]) -> ConfigurationSpace:
    from ConfigSpace import ConfigurationSpace

    try:
        return ConfigurationSpace.from_serialized_dict(copy.deepcopy(dict(document)))  # it takes the document apart
    except Exception as error:
        raise InvalidValueError(f"this is no hyperparameter space of ConfigSpace: {one_line(error)}") from error


def _narrow(entry: dict[str, Any], low: float, high: float) -> None:
    name, kind = entry["name"], _RANGED.get(entry["type"])
    if kind is None:
        raise InvalidValueError(f"{name} has no range: fix it with --fix {name}=VALUE")
    if kind is int and (low != int(low) or high != int(high)):
        raise InvalidValueError(f"{name} takes whole numbers, got {low:g}:{high:g}")
    if entry.get("log") and low <= 0:
        raise InvalidValueError(f"{name} is on a logarithmic scale: its range must be above 0, got {low:g}:{high:g}")
    entry["lower"], entry["upper"] = kind(low), kind(high)
    default = min(max(entry["default_value"], kind(low)), kind(high))
    entry["default_value"] = default


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
