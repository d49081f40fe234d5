"""The hyperparameters of inverse-1d: the eight of the paper (Table 7), those that a method adds, and the presets.

The eight are those of every method; their ranges are Table 7's and the eight presets those of Tables 6 to 8. What a
method adds is in its entry, ``Method.hyperparameters`` (spaces.inverse_1d.registries).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.inverse_1d.registries import METHODS, OwnHyperparameter, entry

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

#: Letters of the name of a hyperparameter that a method adds.
LONGEST_NAME = 64


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
        own: Those that the method adds, by name; :meth:`check` knows the method.

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
    own: Mapping[str, float | bool | str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise InvalidValueError(f"{name} must be a finite number of 0 or more, got {value!r}")
        for name, values in CATEGORIES.items():
            value = getattr(self, name)
            if value not in values or isinstance(value, bool) != isinstance(values[0], bool):
                raise UnknownNameError(name, value, [str(valid) for valid in values])

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, in the presets' order, and then those of the method."""
        return {**{name: getattr(self, name) for name in HYPERPARAMETERS}, **self.own}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], method: str = "das") -> Hyperparameters:
        """Reads what :meth:`to_dict` wrote, for that method.

        Raises:
            UnknownNameError: For a name that is no hyperparameter of the method.
            InvalidValueError: If one is missing or has an invalid value.
        """
        names = names_of(method)
        for name in values:
            if name not in names:
                raise UnknownNameError("hyperparameter", name, names)
        missing = [name for name in names if name not in values]
        if missing:
            raise InvalidValueError(f"hyperparameters missing: {', '.join(missing)}")
        paper = {name: values[name] for name in HYPERPARAMETERS}
        return cls(**paper, own={name: values[name] for name in own_of(method)}).check(method)

    def check(self, method: str) -> Hyperparameters:
        """The same, if :attr:`own` has what the method adds, and nothing else.

        Raises:
            InvalidValueError: Says which values are missing, of another method, or not valid.
        """
        added = own_of(method)
        if set(self.own) != set(added):
            raise InvalidValueError(
                f"beside the eight of every method, the method {method} has the hyperparameters "
                f"{', '.join(added) or 'none'}; got {', '.join(self.own) or 'none'}"
            )
        for name, value in self.own.items():
            added[name].check(name, value)
        return self

    def with_defaults(self, method: str) -> Hyperparameters:
        """The same with the defaults of what the method adds, where :attr:`own` does not name it."""
        return replace(self, own={**defaults_of(method), **self.own})


#: The hyperparameters of every method, in the presets' order.
HYPERPARAMETERS: tuple[str, ...] = tuple(each.name for each in fields(Hyperparameters) if each.name != "own")

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


def preset(name: str, method: str = "das") -> Hyperparameters:
    """The paper's preset of that name, with the defaults of what the method adds.

    Raises:
        UnknownNameError: Lists the presets, or the methods.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return PRESETS[name].with_defaults(method)


def own_of(method: str) -> Mapping[str, OwnHyperparameter]:
    """What the method adds to the eight, by name.

    Raises:
        UnknownNameError: For an unknown method.
    """
    return entry("method", METHODS, method).hyperparameters


def defaults_of(method: str) -> dict[str, float | bool | str]:
    """The default of each hyperparameter that the method adds."""
    return {name: own.default for name, own in own_of(method).items()}


def names_of(method: str) -> tuple[str, ...]:
    """The hyperparameters of a trial of that method: the eight, and its own."""
    return (*HYPERPARAMETERS, *own_of(method))


def check_methods() -> None:
    """Checks what each method says of hyperparameters, before any work.

    Raises:
        UsageError: For the first entry that is not valid.
    """
    for method, registered in METHODS.items():
        for name, own in registered.hyperparameters.items():
            if not isinstance(own, OwnHyperparameter):
                raise InvalidValueError(
                    f"the hyperparameter {name!r} of the method {method} must be an OwnHyperparameter, got {own!r}"
                )
            if not name.isidentifier() or len(name) > LONGEST_NAME or name in HYPERPARAMETERS:
                raise InvalidValueError(
                    f"{name!r} cannot name a hyperparameter of the method {method}: it takes up to {LONGEST_NAME} "
                    "letters, digits and '_', and must be none of the eight that every method has"
                )
        searched(method)
        if registered.preset is not None:
            preset(registered.preset)
        elif registered.searched is not None:
            raise InvalidValueError(
                f"the method {method} searches only {', '.join(registered.searched)}: name the preset that gives the "
                f"others, one of {', '.join(PRESETS)}"
            )


def searched(method: str) -> tuple[str, ...]:
    """The hyperparameters that a run of that method searches: all, or those that its entry names.

    Raises:
        UnknownNameError: For an unknown method, or an unknown hyperparameter of its entry.
    """
    chosen, names = entry("method", METHODS, method).searched, names_of(method)
    for name in chosen or ():
        if name not in names:
            raise UnknownNameError(f"hyperparameter of the method {method}", name, names)
    return names if chosen is None else tuple(name for name in names if name in chosen)


def configuration_space(method: str = "das") -> ConfigurationSpace:
    """The ConfigSpace of what :func:`searched` names, with the paper's ranges and those of the method.

    Booleans are the categories "true" and "false": see :func:`from_configuration`.
    """
    from ConfigSpace import (
        CategoricalHyperparameter,
        ConfigurationSpace,
        UniformFloatHyperparameter,
        UniformIntegerHyperparameter,
    )

    space, added = ConfigurationSpace(), own_of(method)
    for name in searched(method):
        if name in RANGES:
            lower, upper = RANGES[name]
            space.add(UniformFloatHyperparameter(name, lower=lower, upper=upper, log=True))
        elif name in CATEGORIES:
            space.add(CategoricalHyperparameter(name, [_category(value) for value in CATEGORIES[name]]))
        elif not added[name].is_number:
            space.add(CategoricalHyperparameter(name, [_category(value) for value in added[name].values]))
        else:
            own = added[name]
            kind = UniformIntegerHyperparameter if isinstance(own.default, int) else UniformFloatHyperparameter
            space.add(kind(name, lower=own.least, upper=own.most, log=own.log))
    return space


def from_configuration(configuration: Mapping[str, Any], method: str = "das") -> Hyperparameters:
    """Hyperparameters of a point of :func:`configuration_space`; the method's preset gives what is not searched.

    Raises:
        UnknownNameError: For a name that is no hyperparameter of the method, or an unknown category.
        InvalidValueError: If one is missing or has an invalid value.
    """
    base = entry("method", METHODS, method).preset
    values = {} if base is None else preset(base, method).to_dict()
    for name, value in configuration.items():
        values[name] = _value(name, value, own_of(method))
    return Hyperparameters.from_mapping(values, method)


def to_configuration(hyperparameters: Hyperparameters, method: str = "das") -> dict[str, Any]:
    """The point of :func:`configuration_space`, of builtin types, that :func:`from_configuration` reads back."""
    values, added = hyperparameters.to_dict(), own_of(method)
    numbers = {*RANGES, *(name for name, own in added.items() if own.is_number)}
    return {name: values[name] if name in numbers else _category(values[name]) for name in searched(method)}


def _value(name: str, value: Any, added: Mapping[str, OwnHyperparameter]) -> Any:
    """A configuration's value as a trial has it; of an unknown hyperparameter itself, which is then refused."""
    if name in RANGES:
        return float(value)
    if name in added and added[name].is_number:
        return int(value) if isinstance(added[name].default, int) else float(value)
    valid = added[name].values if name in added else CATEGORIES.get(name)
    if valid is None:
        return value
    read = {_category(each): each for each in valid}
    if _category(value) not in read:
        raise UnknownNameError(name, value, list(read))
    return read[_category(value)]


def _category(value: object) -> str:
    """A category's text: ConfigSpace's choices are text, so that no numpy boolean ever appears."""
    return str(value).lower() if isinstance(value, bool) else str(value)
