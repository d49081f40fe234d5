"""What a method of DAS is made of: its entry in the registry, and the hyperparameters of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class OwnHyperparameter:
    """A hyperparameter that a method has beside the eight that every method has; a run searches it like those.

    Its type is that of ``default``: a number has ``low`` and ``high``, text or a boolean has ``values``.

    Attributes:
        default: The value in points that do not name it: the presets, and points of other methods.
        low: The least value of a number.
        high: The largest.
        log: Whether a number is drawn on a logarithmic scale.
        values: The values of text, or of a boolean.
        source: Where the range is from, for readers.

    Raises:
        InvalidValueError: If these do not fit together.
    """

    default: float | bool | str
    low: float | None = None
    high: float | None = None
    log: bool = False
    values: tuple[bool | str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if self.is_number:
            whole = isinstance(self.default, int)
            for bound in (self.low, self.high):
                if bound is None or not math.isfinite(bound) or (whole and bound != int(bound)):
                    kind = "whole" if whole else "finite"
                    raise InvalidValueError(
                        f"a hyperparameter with the default {self.default!r} needs low and high, {kind} numbers; "
                        f"got low={self.low!r}, high={self.high!r}"
                    )
            if not self.least < self.most or self.values or (self.log and self.least <= 0):
                raise InvalidValueError(
                    "a number needs low below high (above 0 on a logarithmic scale) and no values; "
                    f"got low={self.low!r}, high={self.high!r}, log={self.log!r}, values={self.values!r}"
                )
        elif len(set(self.values)) < 2 or any(type(value) is not type(self.default) for value in self.values):
            raise InvalidValueError(
                f"a hyperparameter with the default {self.default!r} needs two values or more of the same type; "
                f"got {self.values!r}"
            )
        self.check("the default of a hyperparameter", self.default)

    @property
    def is_number(self) -> bool:
        """Whether it has a range, and not values."""
        return isinstance(self.default, int | float) and not isinstance(self.default, bool)

    @property
    def least(self) -> float:
        """The least value of a number."""
        return float(self.low or 0.0)

    @property
    def most(self) -> float:
        """The largest value of a number."""
        return float(self.high or 0.0)

    def as_number(self, value: float | bool | str) -> float:
        """A number as it is, true and false as 1 and 0, text as its place among the values."""
        return float(self.values.index(value)) if isinstance(value, str) else float(value)

    def check(self, name: str, value: object) -> None:
        """Refuses what is no value of it; a number may lie outside the range, which only says where a run searches.

        Raises:
            InvalidValueError: Says what is valid.
        """
        if not self.is_number:
            if value not in self.values or type(value) is not type(self.default):
                raise InvalidValueError(f"{name} takes one of {', '.join(map(str, self.values))}, got {value!r}")
            return
        whole = isinstance(self.default, int)
        valid = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not valid or not math.isfinite(float(str(value))):
            raise InvalidValueError(f"{name} takes a {'whole' if whole else 'finite'} number, got {value!r}")


@dataclass(frozen=True)
class Method:
    """A method of DAS, composed of pieces; the interfaces of the pieces are in :mod:`workers.methods.pieces`.

    Attributes:
        relaxation: Makes the ``Relaxation``: how alpha becomes mixing weights.
        update: Makes the ``Update`` of a search: which steps it takes on which batches.
        selection: Chooses an operation for each layer or edge at the end of the search.
        weights: Makes the weights that the search begins with.
        regulariser: Gives what is added to the loss of alpha, [T]; None for nothing.
        spaces: The search spaces it is made for; None for all.
        searched: The hyperparameters that a run searches; None for all.
        preset: The preset that gives those that are not searched.
        hyperparameters: Its own, by name; the pieces find them in ``Moment`` and ``SearchState``.
        extras: Gives further numbers of each trial at the end of the search, by name; None for none.
    """

    relaxation: Callable[[], Any] | str
    update: Callable[[Any], Any] | str
    selection: Callable[[Any], Any] | str
    weights: Callable[..., Any] | str = "workers.methods.fresh:fresh_weights"
    regulariser: Callable[[Any, Any], Any] | str | None = None
    spaces: tuple[str, ...] | None = None
    searched: tuple[str, ...] | None = None
    preset: str | None = None
    hyperparameters: Mapping[str, OwnHyperparameter] = field(default_factory=dict)
    extras: Callable[[Any], Mapping[str, Tensor]] | str | None = None
