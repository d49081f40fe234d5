"""Brackets of successive halving: hpbandster's, with seeded proposals and no rung lost to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hpbandster.optimizers.iterations import SuccessiveHalving

from spaces.identity import ConfigurationId


def rung_budgets(min_budget: float, max_budget: float, eta: float) -> list[float]:
    """The budgets max_budget / eta**k that are not below min_budget, the smallest first.

    hpbandster rounds log(max/min) / log(eta) down before it allows for rounding errors, and so loses the
    lowest rung of 1 to 243 with eta 3.
    """
    rungs = math.floor(math.log(max_budget / min_budget) / math.log(eta) + 1e-9) + 1
    budgets: list[float] = (max_budget * np.power(eta, -np.linspace(rungs - 1, 0, rungs))).tolist()
    return budgets


def bracket_sizes(rungs: int, of: int, eta: float, rounding: str) -> list[int]:
    """Configurations at each rung of a bracket, the lowest first.

    Args:
        rungs: Rungs of this bracket.
        of: Rungs of the whole run.
        eta: One of eta configurations advances.
        rounding: ``floor`` (hpbandster) or ``ceiling`` (Li et al. 2018, Algorithm 1).
    """
    if rounding == "ceiling":
        first = math.ceil(of / rungs * eta ** (rungs - 1) - 1e-9)
    else:
        first = int(of // rungs * eta ** (rungs - 1))
    return [max(int(first * eta**-rung + 1e-9), 1) for rung in range(rungs)]


class SeededHalving(SuccessiveHalving):  # type: ignore[misc]
    """Successive halving whose sampler is told which configuration it proposes.

    Args:
        index: Number of the iteration, from 0.
        sizes: Configurations at each rung.
        budgets: Budget of each rung.
        sampler: Gives a configuration and its info for a budget and a configuration's id.
    """

    def __init__(
        self,
        index: int,
        sizes: Sequence[int],
        budgets: Sequence[float],
        sampler: Callable[[float, ConfigurationId], tuple[dict[str, Any], dict[str, Any]]],
    ) -> None:
        super().__init__(HPB_iter=index, num_configs=list(sizes), budgets=list(budgets), config_sampler=sampler)

    def add_configuration(
        self, config: dict[str, Any] | None = None, config_info: dict[str, Any] | None = None
    ) -> ConfigurationId:
        """Adds a configuration, the sampler's if none is given, and returns its id."""
        identifier = self.next_id
        if config is None:
            config, config_info = self.config_sampler(self.budgets[self.stage], identifier)
        super().add_configuration(config, config_info or {})
        # hpbandster's key is a plain tuple; what is given out is the identity that everybody else uses.
        self.data[identifier] = self.data.pop(tuple(identifier))
        return identifier

    @property
    def next_id(self) -> ConfigurationId:
        """The id that the next new configuration will have."""
        return ConfigurationId(self.HPB_iter, self.stage, self.actual_num_configs[self.stage])

    @property
    def rung_is_over(self) -> bool:
        """Whether the present rung is full and all its evaluations have ended, so that it can be judged."""
        return (
            not self.is_finished
            and self.num_running == 0
            and self.actual_num_configs[self.stage] >= self.num_configs[self.stage]
            and all(datum.status != "QUEUED" for datum in self.data.values())
        )

    def _advance_to_next_stage(self, config_ids: list[ConfigurationId], losses: Any) -> Any:
        # hpbandster's rule; but equal losses (diverged ones) keep their order on every machine.
        ranks = np.argsort(np.argsort(losses, kind="stable"), kind="stable")
        return ranks < self.num_configs[self.stage]
