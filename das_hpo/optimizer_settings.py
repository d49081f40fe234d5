"""The settings of an optimiser (``--decide``): hpbandster's parameters of BOHB, and departures from hpbandster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from das_hpo.declaration import Number, Whole, Words, check_declared, declarations, require_known, setting
from spaces.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
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

    brackets: str = setting("floor", Words(("floor", "ceiling")))
    model_budget: str = setting("largest", Words(("largest", "supported")))
    model_start: str = setting("separate", Words(("separate", "paper")))
    parallel: str = setting("ignore", Words(("ignore", "liar")))
    min_points_in_model: int | None = setting(None, Whole(1))
    top_n_percent: int = setting(15, Whole(1, 99))
    num_samples: int = setting(64, Whole(1))
    random_fraction: float = setting(1 / 3, Number(least=0, most=1))
    bandwidth_factor: float = setting(3.0, Number(above=0))
    min_bandwidth: float = setting(1e-3, Number(above=0))

    def __post_init__(self) -> None:
        check_declared(self)

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the database."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> OptimizerSettings:
        """Reads what :meth:`to_dict` wrote; numbers may also be text (the command line).

        Raises:
            UnknownNameError: For an unknown setting or word.
            InvalidValueError: For a value that does not fit.
        """
        require_known(cls, values, "setting of the optimizer")
        read: dict[str, Any] = {}
        for name, declared in declarations(cls).items():
            if name not in values:
                continue
            value = values[name]
            if declared.optional and value in (None, "none"):
                read[name] = None
                continue
            try:
                read[name] = declared.kind.read(value)
            except InvalidValueError as error:
                raise InvalidValueError(f"{name}: {error}") from None
        return cls(**read)
