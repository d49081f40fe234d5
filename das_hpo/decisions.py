"""How the optimiser decides: hpbandster's parameters of BOHB, and where one may depart from hpbandster."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from spaces.errors import InvalidValueError, UnknownNameError

#: Decisions that take one of a few words, the first being hpbandster's behaviour.
WORDS: dict[str, tuple[str, ...]] = {
    "brackets": ("floor", "ceiling"),
    "model_budget": ("largest", "supported"),
    "model_start": ("separate", "paper"),
    "parallel": ("ignore", "liar"),
}


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything about the optimiser that is not the problem; the defaults are hpbandster's behaviour.

    Two faults of hpbandster are mended without an option: a rung is never lost to rounding where
    max_budget / min_budget is a power of eta, and categorical bandwidths are capped at (k - 1) / k for
    the true number k of choices, so that no density is negative or infinite.

    Attributes:
        brackets: Configurations a bracket starts with: ``floor`` as in hpbandster, or Hyperband's
            ``ceiling`` (Li et al. 2018, Algorithm 1): 27 or 34 for the second bracket of budgets 1 to 81.
        model_budget: Which budget's model proposes: the ``largest`` that has one, results of smaller
            budgets being ignored from then on, or the largest that is ``supported``, whose best
            ``top_n_percent`` alone are enough points, results of all budgets being kept.
        model_start: When a budget gets its first model: at 2(d + 1) results, the good and the bad being
            ``separate``, or at d + 3 as in the ``paper`` (Falkner et al. 2018, section 3.2), where
            both may share points while there are few.
        parallel: What a proposal knows of configurations that are being evaluated: ``ignore``, or
            ``liar``, which counts them among the bad ones, so that parallel proposals do not cluster.
        min_points_in_model: Least points of the good and of the bad density; None is d + 1.
        top_n_percent: Percentage of the results that count as good.
        num_samples: Candidates drawn for each proposal.
        random_fraction: Fraction of the proposals that is drawn at random, model or not.
        bandwidth_factor: Widening of the good density's bandwidths when candidates are drawn.
        min_bandwidth: Least bandwidth.
    """

    brackets: str = "floor"
    model_budget: str = "largest"
    model_start: str = "separate"
    parallel: str = "ignore"
    min_points_in_model: int | None = None
    top_n_percent: int = 15
    num_samples: int = 64
    random_fraction: float = 1 / 3
    bandwidth_factor: float = 3.0
    min_bandwidth: float = 1e-3

    def __post_init__(self) -> None:
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise UnknownNameError(name, getattr(self, name), words)
        if self.min_points_in_model is not None and self.min_points_in_model < 1:
            raise InvalidValueError(f"min_points_in_model must be 1 or more, {self.min_points_in_model} came")
        if not 1 <= self.top_n_percent <= 99:
            raise InvalidValueError(f"top_n_percent must be in [1, 99], {self.top_n_percent} came")
        if self.num_samples < 1:
            raise InvalidValueError(f"num_samples must be 1 or more, {self.num_samples} came")
        if not 0 <= self.random_fraction <= 1:
            raise InvalidValueError(f"random_fraction must be in [0, 1], {self.random_fraction} came")
        for name in ("bandwidth_factor", "min_bandwidth"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidValueError(f"{name} must be above 0, {getattr(self, name)} came")

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the database."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Decisions:
        """Reads what :meth:`to_dict` wrote; numbers may also be text (the command line).

        Raises:
            UnknownNameError: For an unknown decision or word.
            InvalidValueError: For a value that does not fit.
        """
        defaults = {field.name: field.default for field in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in values.items():
            if name not in defaults:
                raise UnknownNameError("decision", name, defaults)
            read[name] = _read(name, value, defaults[name])
        return cls(**read)


def _read(name: str, value: object, default: object) -> object:
    """One value as its default's type."""
    if isinstance(default, str):
        return str(value)
    if default is None and (value is None or value == "none"):
        return None
    kind = float if isinstance(default, float) else int
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str) or kind(value) != float(value):
            raise ValueError
        return kind(value)
    except ValueError:
        raise InvalidValueError(f"{name} takes a number ({kind.__name__}), {value!r} came") from None
