"""Proposals of Optuna's tree-structured Parzen estimator, each seeded by the id of its configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from ConfigSpace import ConfigurationSpace
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from das_hpo.optimisers.points import blank_point, from_point, levels, random_configuration, to_point
from das_hpo.optimisers.protocol import Proposal
from das_hpo.optimizer_settings import OptimizerSettings
from spaces.identity import ConfigurationId
from spaces.seeds import derive_seed, proposal_seed
from spaces.trial import WORST_LOSS

#: A budget has a model from so many results on, as in Optuna.
STARTUP = 10


class TpeSampler:
    """One study of Optuna for each budget; the largest budget that has enough results proposes.

    Args:
        space: What is searched.
        seed: The run's seed.
        decisions: ``random_fraction`` and ``parallel`` are those of BOHB: a fraction of the proposals is drawn at
            random whatever the model says, and what is being evaluated may count as bad, so that parallel proposals
            spread.
    """

    def __init__(self, space: ConfigurationSpace, seed: int, decisions: OptimizerSettings | None = None) -> None:
        # Optuna tells of every study on stderr unless it is told not to.
        logging.getLogger("optuna").setLevel(logging.WARNING)
        self._space = space
        self._seed = seed
        decisions = decisions or OptimizerSettings()
        self._liar = decisions.parallel == "liar"
        self._random_fraction = decisions.random_fraction
        self._distributions: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(range(count)) if count else FloatDistribution(0.0, 1.0)
            for name, count in zip(space, levels(space), strict=True)
            if count != 1
        }
        self._places = {name: place for place, name in enumerate(space)}
        self._studies: dict[float, optuna.Study] = {}
        self._counts: dict[float, int] = {}

    def propose(
        self, budget: float, configuration_id: ConfigurationId, pending: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The proposal for that configuration; see :class:`das_hpo.optimisers.bracketed.Sampler`."""
        seed = proposal_seed(self._seed, configuration_id)
        enough = [each for each, count in self._counts.items() if count >= STARTUP]
        if not enough or np.random.default_rng(seed).random() < self._random_fraction:
            configuration = random_configuration(self._space, derive_seed(seed, "random"))
            return configuration, {"model_based_pick": False}
        study = self._studies[max(enough)]
        lies = pending if self._liar else ()
        begin = len(study.get_trials(deepcopy=False)) if lies else 0
        for each in lies:
            self._add(study, each, TrialState.RUNNING)
        study.sampler = optuna.samplers.TPESampler(
            seed=seed % 2**32, multivariate=True, n_startup_trials=STARTUP, constant_liar=self._liar
        )
        trial = study.ask(self._distributions)
        # Neither is an observation of this study: what a proposal gives is told to the study of its budget.
        for number in (*range(begin, begin + len(lies)), trial.number):
            study.tell(number, state=TrialState.FAIL)
        point = blank_point(self._space)
        for name, value in trial.params.items():
            point[self._places[name]] = float(value)
        return from_point(self._space, point, seed), {"model_based_pick": True, "model_budget": max(enough)}

    def observe(self, proposal: Proposal, loss: float) -> None:
        """Adds a result to the study of its budget."""
        budget = proposal.budget
        if budget not in self._studies:
            self._studies[budget] = optuna.create_study(storage=optuna.storages.InMemoryStorage())
            self._counts[budget] = 0
        value = loss if np.isfinite(loss) else WORST_LOSS
        self._add(self._studies[budget], proposal.configuration, TrialState.COMPLETE, value)
        self._counts[budget] += 1

    def _add(
        self, study: optuna.Study, configuration: Mapping[str, Any], state: TrialState, value: float | None = None
    ) -> None:
        """Adds a trial."""
        point = to_point(self._space, configuration)
        distributions = {
            name: distribution
            for name, distribution in self._distributions.items()
            if not np.isnan(point[self._places[name]])
        }
        params = {
            name: (int if isinstance(distribution, CategoricalDistribution) else float)(point[self._places[name]])
            for name, distribution in distributions.items()
        }
        trial: FrozenTrial = create_trial(state=state, value=value, params=params, distributions=distributions)
        study.add_trial(trial)
