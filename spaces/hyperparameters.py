"""The eight hyperparameters of DAS, their ranges (Table 7) and the paper's eight presets (Tables 6 to 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.inverse_1d.registries import METHODS, entry

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

#: Log-uniform ranges.
RANGES: dict[str, tuple[float, float]] = {
    "parameter_learning_rate": (1e-5, 1.0),
    "parameter_weight_decay": (1e-8, 0.1),
    "alpha_learning_rate": (1e-5, 0.1),
    "alpha_weight_decay": (1e-5, 0.1),
}

#: Categorical hyperparameters with their values.
CATEGORIES: dict[str, tuple[bool | str, ...]] = {
    "parameter_warm_up": (True, False),
    "alpha_warm_up": (True, False),
    "alpha_scheduler": ("none", "linear"),
    "alpha_optimizer": ("adam", "gradient-descent"),
}


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """One point of the hyperparameter space.

    Attributes:
        parameter_learning_rate: Constant learning rate of the network weights (Adam).
        parameter_weight_decay: L2 weight decay of the network weights.
        parameter_warm_up: Whether the weights' learning rate warms up.
        alpha_learning_rate: Learning rate of the architecture parameters alpha.
        alpha_weight_decay: L2 weight decay of alpha.
        alpha_warm_up: Whether alpha's learning rate warms up.
        alpha_scheduler: ``none`` or ``linear``.
        alpha_optimizer: ``adam`` or ``gradient-descent`` (no momentum).

    Raises:
        InvalidValueError: For a rate or decay that is negative or not finite.
        UnknownNameError: For an unknown scheduler or optimiser.
    """

    parameter_learning_rate: float
    parameter_weight_decay: float
    parameter_warm_up: bool
    alpha_learning_rate: float
    alpha_weight_decay: float
    alpha_warm_up: bool
    alpha_scheduler: str
    alpha_optimizer: str

    def __post_init__(self) -> None:
        for name in RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise InvalidValueError(f"{name} must be a finite number of 0 or more, {value!r} came")
        for name, values in CATEGORIES.items():
            value = getattr(self, name)
            if value not in values or isinstance(value, bool) != isinstance(values[0], bool):
                raise UnknownNameError(name, value, [str(valid) for valid in values])

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, in the presets' order."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Hyperparameters:
        """Reads what :meth:`to_dict` wrote.

        Raises:
            UnknownNameError: For a name that is no hyperparameter.
            InvalidValueError: If one is missing or has an invalid value.
        """
        names = HYPERPARAMETERS
        for name in values:
            if name not in names:
                raise UnknownNameError("hyperparameter", name, names)
        missing = [name for name in names if name not in values]
        if missing:
            raise InvalidValueError(f"hyperparameters missing: {', '.join(missing)}")
        return cls(**values)


#: Names of all hyperparameters, in the presets' order.
HYPERPARAMETERS: tuple[str, ...] = tuple(field.name for field in fields(Hyperparameters))

PRESETS: dict[str, Hyperparameters] = {
    "H1": Hyperparameters(1e-3, 1e-8, False, 1e-3, 1e-3, True, "linear", "gradient-descent"),
    "H2": Hyperparameters(1e-3, 1e-8, False, 1e-4, 1e-4, True, "linear", "gradient-descent"),
    "BOHB-one-shot-Blur": Hyperparameters(
        0.0014232405, 8.616e-07, False, 0.0836808765, 5.05099e-05, False, "linear", "adam"
    ),
    "BOHB-one-shot-DS": Hyperparameters(
        0.0020448382, 5.04e-08, True, 0.0100063746, 0.0058022776, True, "linear", "gradient-descent"
    ),
    "BOHB-Blur": Hyperparameters(0.0020882283, 4.4e-08, False, 8.43195e-05, 0.0127425783, True, "linear", "adam"),
    "BOHB-DAS-single": Hyperparameters(
        0.0014232405, 8.616e-07, False, 0.025012337102395577, 1.390640076980444e-05, False, "none", "adam"
    ),
    "BOHB-Non-Seq-one-shot-Blur": Hyperparameters(
        0.0050969066, 2.423e-07, False, 1.32499e-05, 0.0010171142, False, "none", "adam"
    ),
    "BOHB-Non-Seq-Blur": Hyperparameters(
        0.0037014752, 1.4573e-06, False, 0.0012395056, 0.0002855732, False, "none", "adam"
    ),
}


def preset(name: str) -> Hyperparameters:
    """The paper's preset of that name.

    Raises:
        UnknownNameError: Lists the presets.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return PRESETS[name]


def searched(method: str) -> tuple[str, ...]:
    """The hyperparameters a run of that method searches: all, or those that its entry names.

    Raises:
        UnknownNameError: For an unknown method, or an unknown hyperparameter of its entry.
    """
    chosen = entry("method", METHODS, method).searched
    for name in chosen or ():
        if name not in HYPERPARAMETERS:
            raise UnknownNameError(f"hyperparameter of the method {method}", name, HYPERPARAMETERS)
    return HYPERPARAMETERS if chosen is None else tuple(name for name in HYPERPARAMETERS if name in chosen)


def configuration_space(method: str = "das") -> ConfigurationSpace:
    """The ConfigSpace of what :func:`searched` names, with the paper's ranges.

    Booleans are the categories "true" and "false": see :func:`from_configuration`.
    """
    from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, UniformFloatHyperparameter

    space = ConfigurationSpace()
    for name in searched(method):
        if name in RANGES:
            lower, upper = RANGES[name]
            space.add(UniformFloatHyperparameter(name, lower=lower, upper=upper, log=True))
        else:
            space.add(CategoricalHyperparameter(name, [_category(value) for value in CATEGORIES[name]]))
    return space


def from_configuration(configuration: Mapping[str, Any], method: str = "das") -> Hyperparameters:
    """Hyperparameters of a point of :func:`configuration_space`; the method's preset gives what is not searched."""
    base = entry("method", METHODS, method).preset
    values = {} if base is None else preset(base).to_dict()
    for name, value in configuration.items():
        if name in RANGES:
            values[name] = float(value)
        else:
            values[name] = {_category(valid): valid for valid in CATEGORIES[name]}[_category(value)]
    return Hyperparameters.from_mapping(values)


def to_configuration(hyperparameters: Hyperparameters, method: str = "das") -> dict[str, Any]:
    """The point of :func:`configuration_space`, of builtin types, that :func:`from_configuration` reads back."""
    values = hyperparameters.to_dict()
    return {name: values[name] if name in RANGES else _category(values[name]) for name in searched(method)}


def _category(value: object) -> str:
    """A category's text: ConfigSpace's choices are text, so that no numpy boolean ever appears."""
    return str(value).lower() if isinstance(value, bool) else str(value)
