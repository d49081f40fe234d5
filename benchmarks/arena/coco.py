"""Two suites of COCO (Hansen et al. 2021): functions of mixed integers, and functions with noise.

A budget is a number of evaluations of which the median is told, so that noise falls as the budget grows, and a search
at the full budget costs nine evaluations. Run i is about COCO's instance i + 1 of the function: another shift and
rotation of the same difficulty.

``mixint``: all 24 functions of ``bbob-mixint`` in 10 dimensions, 8 of them integers of 2 to 16 values. They have no
noise of their own: the logarithm of the distance to the optimum is told with normal noise of 0.3 (a factor of two) an
evaluation. The score is the distance to the optimum itself.

``noisy``: all 30 functions of ``bbob-noisy`` in 5 dimensions, with COCO's own noise (normal, uniform or Cauchy,
moderate or severe). COCO draws it from a stream of its own, so that a run that is repeated gives other numbers. The
score is the median of 401 further evaluations, above the optimum.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter, UniformIntegerHyperparameter

from benchmarks.arena.contests import Budgets

#: Of the suite's name in COCO: its dimensions here, and its number of functions.
SUITES = {"mixint": ("bbob-mixint", 10, 24), "noisy": ("bbob-noisy", 5, 30)}

#: Standard deviation of the noise on the natural logarithm of a function without noise of its own.
NOISE = 0.3

#: Evaluations of whose median a score is made.
FRESH = 401

BUDGETS = Budgets(1.0, 9.0, 900.0, (90.0, 180.0, 360.0, 900.0))


@dataclass(frozen=True)
class CocoProblem:
    """One function.

    Attributes:
        suite: ``mixint`` or ``noisy``.
        number: Of the function, from 1.
        budgets: In evaluations.
    """

    suite: str
    number: int
    budgets: Budgets = BUDGETS

    @property
    def name(self) -> str:
        """Such as ``bbob-mixint-07``."""
        return f"{SUITES[self.suite][0]}-{self.number:02}"

    def space(self) -> ConfigurationSpace:
        """Numbers and integers between the function's bounds."""
        function = self.function(0)
        space = ConfigurationSpace()
        bounds = zip(function.lower_bounds, function.upper_bounds, strict=True)
        for place, (low, high) in enumerate(bounds):
            if place < function.number_of_integer_variables:
                space.add(UniformIntegerHyperparameter(f"x{place}", int(low), int(high)))
            else:
                space.add(UniformFloatHyperparameter(f"x{place}", float(low), float(high)))
        return space

    def function(self, seed: int) -> Any:
        """COCO's object for the instance of that run."""
        import cocoex

        suite, dimensions, _ = SUITES[self.suite]
        options = f"dimensions:{dimensions} instance_indices:{seed % 15 + 1} function_indices:{self.number}"
        function = cocoex.Suite(suite, "", options).get_problem(0)
        return function

    def instance(self, seed: int) -> CocoInstance:
        """Another shift and rotation for every seed up to 15."""
        return CocoInstance(self.function(seed), noisy=self.suite == "noisy")


class CocoInstance:
    """One function of COCO, minimised.

    Args:
        function: COCO's object.
        noisy: Whether it has noise of its own.
    """

    def __init__(self, function: Any, *, noisy: bool) -> None:
        self._function = function
        self._noisy = noisy
        self._optimum = float(function(optimum_of(function)))

    def loss(self, configuration: Mapping[str, Any], budget: float, seed: int) -> float:
        """The median of as many evaluations as the budget is."""
        count = max(1, round(budget))
        point = point_of(configuration)
        if self._noisy:
            return statistics.median(float(self._function(point)) for _ in range(count))
        noise = np.random.default_rng(seed).normal(0.0, NOISE, count)
        return math.log(self._above(point)) + float(np.median(noise))

    def score(self, configuration: Mapping[str, Any]) -> float:
        """How far above the optimum; with noise, the median of :data:`FRESH` evaluations."""
        point = point_of(configuration)
        if not self._noisy:
            return self._above(point)
        return statistics.median(float(self._function(point)) for _ in range(FRESH)) - self._optimum

    def _above(self, point: np.ndarray) -> float:
        # Closer than COCO's own last target is as good as there.
        return max(float(self._function(point)) - self._optimum, 1e-8)


def point_of(configuration: Mapping[str, Any]) -> np.ndarray:
    """A configuration as COCO takes it."""
    return np.array([float(configuration[f"x{place}"]) for place in range(len(configuration))])


def optimum_of(function: Any) -> np.ndarray:
    """Where the optimum is, which COCO tells by a file in the working directory."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        function._best_parameter("print")
        return np.loadtxt(Path(folder) / "._bbob_problem_best_parameter.txt")


def problems(suite: str) -> list[CocoProblem]:
    """All functions of a suite."""
    return [CocoProblem(suite, number + 1) for number in range(SUITES[suite][2])]
