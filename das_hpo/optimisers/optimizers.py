"""hpbandster's optimisers as masters that start nothing.

hpbandster's ``Master.__init__`` starts a thread and a server. An optimiser here is hpbandster's own class
between the two halves of ours,

    BohbMaster ── DeskMaster ── hpbandster's BOHB ── QuietMaster ── hpbandster's Master

so that BOHB's ``super().__init__`` reaches QuietMaster, which only remembers.
"""

from __future__ import annotations

import logging
from typing import Any

from ConfigSpace import ConfigurationSpace
from hpbandster.core.master import Master
from hpbandster.optimizers.bohb import BOHB
from hpbandster.optimizers.hyperband import HyperBand
from hpbandster.optimizers.randomsearch import RandomSearch

from das_hpo.optimisers.brackets import SeededHalving
from das_hpo.optimisers.master import MasterQueue
from das_hpo.optimisers.sampler import SeededBohb, SeededRandom
from das_hpo.service.recorder import Recorder
from das_hpo.settings import RunSettings
from spaces.errors import UnknownNameError
from spaces.hyperparameters import configuration_space

#: What :class:`das_hpo.decisions.Decisions` hands on to hpbandster's BOHB.
_BOHB_PARAMETERS = (
    "min_points_in_model",
    "top_n_percent",
    "num_samples",
    "random_fraction",
    "bandwidth_factor",
    "min_bandwidth",
)


class QuietMaster(Master):  # type: ignore[misc]
    """hpbandster's Master without its thread, its server and its directory.

    Args:
        run_id: The run's name.
        config_generator: As hpbandster's optimisers pass it.
    """

    def __init__(self, run_id: str, config_generator: Any) -> None:
        self.run_id = run_id
        self.config_generator = config_generator
        self.logger = logging.getLogger("hpbandster")
        self.result_logger = None
        self.time_ref: float | None = None
        self.iterations: list[SeededHalving] = []
        self.jobs: list[Any] = []
        self.num_running_jobs = 0
        self.warmstart_iteration: list[Any] = []
        self.config: dict[str, Any] = {"time_ref": None}


class BohbMaster(MasterQueue, BOHB, QuietMaster):  # type: ignore[misc]
    """BOHB (Falkner et al. 2018)."""

    def _begin(self, settings: RunSettings) -> None:
        decisions = settings.decisions
        space = _begin(self, BOHB, settings, **{name: getattr(decisions, name) for name in _BOHB_PARAMETERS})
        self.config_generator = SeededBohb(space, settings.seed, decisions)


class HyperbandMaster(MasterQueue, HyperBand, QuietMaster):  # type: ignore[misc]
    """Hyperband (Li et al. 2018)."""

    def _begin(self, settings: RunSettings) -> None:
        self.config_generator = SeededRandom(_begin(self, HyperBand, settings), settings.seed)


class RandomSearchMaster(MasterQueue, RandomSearch, QuietMaster):  # type: ignore[misc]
    """Random search: every configuration at max_budget; an iteration costs as much as one of Hyperband's."""

    def _begin(self, settings: RunSettings) -> None:
        self.config_generator = SeededRandom(_begin(self, RandomSearch, settings), settings.seed)


def _begin(
    master: MasterQueue, optimizer: type[Master], settings: RunSettings, **parameters: Any
) -> ConfigurationSpace:
    """Calls the constructor of hpbandster's optimiser; gives the space that it was told of."""
    space = configuration_space(settings.method)
    optimizer.__init__(
        master,
        space,
        run_id=settings.name,
        eta=settings.eta,
        min_budget=settings.min_budget,
        max_budget=settings.max_budget,
        **parameters,
    )
    return space


#: The master of each ``--optimizer``.
MASTERS: dict[str, type[MasterQueue]] = {
    "bohb": BohbMaster,
    "hyperband": HyperbandMaster,
    "random": RandomSearchMaster,
}


def make_master(
    settings: RunSettings, recorder: Recorder, *, time_ref: float, parallel: int | None = None
) -> MasterQueue:
    """The master of a run; see :class:`MasterQueue` for the arguments.

    Raises:
        UnknownNameError: For an unknown optimiser.
    """
    if settings.optimizer not in MASTERS:
        raise UnknownNameError("optimizer", settings.optimizer, MASTERS)
    return MASTERS[settings.optimizer](settings, recorder, time_ref=time_ref, parallel=parallel)
