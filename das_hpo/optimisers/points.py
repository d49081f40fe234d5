"""Configurations as vectors: numbers scaled to [0, 1] as ConfigSpace scales them, choices as their indices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ConfigSpace import CategoricalHyperparameter, Configuration, ConfigurationSpace, Constant, OrdinalHyperparameter
from ConfigSpace.exceptions import ForbiddenValueError, IllegalValueError
from ConfigSpace.util import deactivate_inactive_hyperparameters
from numpy.typing import NDArray

from spaces.seeds import derive_seed

Floats = NDArray[np.float64]


def native(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as builtin types: ConfigSpace gives numpy's, which neither serpent nor SQL takes."""
    return {
        str(name): value.item() if isinstance(value, np.generic) else value for name, value in configuration.items()
    }


def random_configuration(space: ConfigurationSpace, seed: int) -> dict[str, Any]:
    """A configuration drawn from the space's own prior; ``space`` keeps no random state that matters."""
    space.seed(seed % 2**32)
    return native(dict(space.sample_configuration()))


def levels(space: ConfigurationSpace) -> list[int]:
    """Number of choices of each hyperparameter, in the vectors' order; 0 for numbers."""
    counts = []
    for hyperparameter in space.values():
        if isinstance(hyperparameter, CategoricalHyperparameter):
            counts.append(len(hyperparameter.choices))
        elif isinstance(hyperparameter, OrdinalHyperparameter):
            counts.append(len(hyperparameter.sequence))
        else:
            counts.append(1 if isinstance(hyperparameter, Constant) else 0)
    return counts


def blank_point(space: ConfigurationSpace) -> Floats:
    """A vector with the values of those that have no choice, and NaN elsewhere."""
    point = np.full(len(space), np.nan)
    for place, (hyperparameter, count) in enumerate(zip(space.values(), levels(space), strict=True)):
        if count == 1:
            point[place] = hyperparameter.to_vector(hyperparameter.default_value)
    return point


def to_point(space: ConfigurationSpace, configuration: Mapping[str, Any]) -> Floats:
    """A configuration as a vector; inactive hyperparameters are NaN."""
    vector: Floats = Configuration(space, values=dict(configuration)).get_array()
    return vector


def from_point(space: ConfigurationSpace, point: Floats, seed: int) -> dict[str, Any]:
    """The configuration of a vector without NaN, of builtin types; what conditions switch off is left out.

    A vector that the space forbids gives a random configuration of that seed.
    """
    try:
        configuration = Configuration(space, vector=point)
        if space.conditions:
            configuration = deactivate_inactive_hyperparameters(dict(configuration), space)
        configuration.check_valid_configuration()
    except (ForbiddenValueError, IllegalValueError):
        return random_configuration(space, derive_seed(seed, "random"))
    return native(dict(configuration))
