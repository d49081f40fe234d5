"""Proposals: BOHB's model-based ones and random ones, each seeded by the id of its configuration.

A proposal depends on the run's seed, the configuration's id and the results so far, and on nothing else:
no global random state is read or written, so that a resumed run proposes what the interrupted one would have.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.util import deactivate_inactive_hyperparameters
from hpbandster.optimizers.config_generators.bohb import BOHB as CG_BOHB

from das_hpo.optimisers.kde import Floats, Integers, ProductKernel, bounded, normal_reference
from das_hpo.optimisers.points import native, random_configuration, to_point
from das_hpo.optimisers.protocol import Proposal
from das_hpo.optimizer_settings import OptimizerSettings
from spaces.identity import ConfigurationId
from spaces.seeds import derive_seed, proposal_seed

#: Densities below this count as this, in hpbandster as here, so that a ratio always exists.
LEAST_DENSITY = 1e-32


class SeededRandom:
    """Random search and Hyperband: every configuration is drawn at random.

    Args:
        configspace: What is searched.
        seed: The run's seed.
    """

    def __init__(self, configspace: ConfigurationSpace, seed: int) -> None:
        self.configspace = configspace
        self.seed = seed

    def propose(
        self, budget: float, configuration_id: ConfigurationId, pending: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The proposal for that configuration; neither budget nor pending configurations matter."""
        seed = proposal_seed(self.seed, configuration_id)
        return random_configuration(self.configspace, derive_seed(seed, "random")), {"model_based_pick": False}

    def observe(self, proposal: Proposal, loss: float) -> None:
        """Random search learns nothing."""


class Observations:
    """Results at one budget, the best first, in arrays that grow by doubling.

    Args:
        dimensions: Of a point.
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self._losses: list[float] = []
        self._points = np.empty((16, dimensions))

    @property
    def points(self) -> Floats:
        """[count, dimensions], by ascending loss; equal losses in the order in which they were told."""
        return self._points[: self.count]

    def add(self, point: Floats, loss: float) -> None:
        """Takes a result in: a search and one move of memory."""
        if self.count == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
        place = bisect_right(self._losses, loss)
        self._losses.insert(place, loss)
        self._points[place + 1 : self.count + 1] = self._points[place : self.count]
        self._points[place] = point
        self.count += 1


class SeededBohb(CG_BOHB):  # type: ignore[misc]
    """hpbandster's BOHB with densities of whole arrays, seeded proposals, and its faults mended.

    Models are fitted when a proposal needs one and there are new results. ``kde_models`` maps a budget to
    its densities, as in hpbandster.

    Args:
        configspace: What is searched: continuous, integer and categorical hyperparameters.
        seed: The run's seed.
        decisions: The settings of BOHB; the defaults are hpbandster's.
    """

    def __init__(self, configspace: ConfigurationSpace, seed: int, decisions: OptimizerSettings | None = None) -> None:
        self.decisions = decisions or OptimizerSettings()
        super().__init__(
            configspace,
            min_points_in_model=self.decisions.min_points_in_model,
            top_n_percent=self.decisions.top_n_percent,
            num_samples=self.decisions.num_samples,
            random_fraction=self.decisions.random_fraction,
            bandwidth_factor=self.decisions.bandwidth_factor,
            min_bandwidth=self.decisions.min_bandwidth,
        )
        self.seed = seed
        self._levels: Integers = self.vartypes.astype(np.int64)
        self._observations: dict[float, Observations] = {}
        self._fitted: dict[float, int] = {}

    def propose(
        self, budget: float, configuration_id: ConfigurationId, pending: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The proposal for that configuration.

        Args:
            budget: At which it will be evaluated first; as in hpbandster, the model's budget is another matter.
            configuration_id: ``(iteration, stage, number)``; seeds the proposal.
            pending: Configurations that are being evaluated; they matter with ``parallel=liar`` only.

        Returns:
            The configuration as builtin types, and ``{"model_based_pick": bool}``.
        """
        seed = proposal_seed(self.seed, configuration_id)
        generator = np.random.default_rng(seed)
        # Drawn always, so that the numbers after it are the same with and without a model.
        at_random = generator.random() < self.random_fraction
        model_budget = self._model_budget()
        if at_random or model_budget is None:
            return random_configuration(self.configspace, derive_seed(seed, "random")), {"model_based_pick": False}
        point = self._propose(model_budget, pending, generator)
        configuration = Configuration(self.configspace, vector=point)
        if self.configspace.conditions:
            configuration = deactivate_inactive_hyperparameters(dict(configuration), self.configspace)
        return native(dict(configuration)), {"model_based_pick": True, "model_budget": model_budget}

    def observe(self, proposal: Proposal, loss: float) -> None:
        """Takes a result in; a loss that is no number counts as the worst."""
        loss = loss if math.isfinite(loss) else math.inf
        budget = proposal.budget
        if self.decisions.model_budget == "largest" and self.largest_budget_with_model() > budget:
            return
        observations = self._observations.setdefault(budget, Observations(len(self._levels)))
        observations.add(to_point(self.configspace, proposal.configuration), loss)
        if self._split(observations.count):
            # Its densities are fitted when they are asked for.
            self.kde_models.setdefault(budget, {})

    def model(self, budget: float) -> dict[str, ProductKernel]:
        """The densities ``good`` and ``bad`` of a budget in ``kde_models``, fitted to all results so far."""
        observations = self._observations[budget]
        split = self._split(observations.count)
        if split is not None and self._fitted.get(budget) != observations.count:
            points = observations.points
            if self.configspace.conditions:
                points = self._imputed(points, np.random.default_rng(derive_seed(self.seed, "impute", len(points))))
            good, bad = split
            self.kde_models[budget] = {"good": self._density(points[good]), "bad": self._density(points[bad])}
            self._fitted[budget] = observations.count
        models: dict[str, ProductKernel] = self.kde_models[budget]
        return models

    def _split(self, count: int) -> tuple[slice, slice] | None:
        """Which of so many results, the best first, are the good and the bad ones; None as long as they are too few."""
        dimensions, least = len(self._levels), int(self.min_points_in_model)
        good = max(least, self.top_n_percent * count // 100)
        if self.decisions.model_start == "paper" and count >= least + 2:
            return slice(0, good), slice(count - max(least, count - good), count)
        bad = max(least, (100 - self.top_n_percent) * count // 100)
        end = min(good + bad, count)
        if end - good <= dimensions:
            return None
        return slice(0, good), slice(good, end)

    def _model_budget(self) -> float | None:
        """The budget whose model proposes; None as long as there is no model."""
        budgets: list[float] = sorted(self.kde_models)
        if not budgets:
            return None
        if self.decisions.model_budget == "supported":
            counts = {budget: self._observations[budget].count for budget in budgets}
            enough = [b for b in budgets if self.top_n_percent * counts[b] // 100 >= self.min_points_in_model]
            return max(enough) if enough else max(budgets, key=lambda budget: (counts[budget], budget))
        return budgets[-1]

    def _propose(self, budget: float, pending: Sequence[Mapping[str, Any]], generator: np.random.Generator) -> Floats:
        """The candidate with the least bad / good density (Falkner et al. 2018, Eq. 2 and Algorithm 2)."""
        model = self.model(budget)
        good, bad = model["good"], model["bad"]
        if pending and self.decisions.parallel == "liar":
            lies = np.stack([to_point(self.configspace, configuration) for configuration in pending])
            bad = ProductKernel(np.concatenate([bad.data, lies]), bad.bw, self._levels)
        candidates = good.sample(self.num_samples, self.bw_factor, generator)
        worst = np.maximum(bad.density(candidates), LEAST_DENSITY)
        ratio = worst / np.maximum(good.density(candidates), LEAST_DENSITY)
        best: Floats = candidates[int(np.argmin(ratio))]
        return best

    def _density(self, points: Floats) -> ProductKernel:
        # The points are a view of an array that the next result moves.
        return ProductKernel(
            points.copy(), bounded(normal_reference(points), self._levels, self.min_bandwidth), self._levels
        )

    def _imputed(self, points: Floats, generator: np.random.Generator) -> Floats:
        """Points without NaN: what a point lacks comes from another that has it, or else is drawn at random."""
        filled = points.copy()
        for row in np.flatnonzero(np.isnan(points).any(axis=1)):
            while (missing := np.flatnonzero(np.isnan(filled[row]))).size:
                donors = np.flatnonzero(np.isfinite(points[:, missing[0]]))
                if donors.size:
                    filled[row, missing] = points[generator.choice(donors), missing]
                else:
                    levels = int(self._levels[missing[0]])
                    filled[row, missing[0]] = generator.integers(levels) if levels else generator.random()
        return filled
