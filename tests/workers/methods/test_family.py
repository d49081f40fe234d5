"""What holds for every method that is registered: trials do not meet, kernels agree, mixes are mixes."""

from __future__ import annotations

import dataclasses
import functools

import pytest
import torch
from torch import Tensor

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import METHODS
from spaces.inverse_1d.trial import InverseTrial
from spaces.references import resolve
from tests.workers.methods.searches import POINT
from workers.methods.pieces import Moment
from workers.trials.batches import generators
from workers.trials.curves import Curves
from workers.trials.group import TrialGroup
from workers.trials.search import Found, search

CHOICES = Choices(channels=2, batch_size=4, tau=0.1, loss_scale=0.5, alpha_init_std=0.1)

#: Hyperparameters that keep these searches short, by method.
SHORT: dict[str, dict[str, float]] = {
    "random-ws": {"ranked_paths": 4},
    "darts-pt": {"tuning_share": 0.25, "projection_batches": 1},
    "oles": {"agreement_window": 2},
    "sdarts-adv": {"attack_steps": 2},
}

#: A relaxation whose mixing weights are no distribution.
FREE = {"fairdarts"}


def trials(method: str, *seeds: int, steps: int = 3) -> list[InverseTrial]:
    """Short trials that differ in seed and rate."""
    point = dataclasses.replace(POINT, own=SHORT.get(method, {})).with_defaults(method)
    return [
        InverseTrial(
            dataclasses.replace(point, parameter_learning_rate=0.001 * seed),
            steps / 19,
            seed,
            operations="all",
            method=method,
            choices=CHOICES,
        )
        for seed in seeds
    ]


def searched(specs: list[InverseTrial], kernel: str = "torch") -> tuple[Found, Curves]:
    """The search of these trials as one batch."""
    group = TrialGroup.of(specs, kernel=kernel)
    return search(group), group.curves


@functools.cache
def alone(method: str) -> tuple[Found, Tensor]:
    """The search of the second trial by torch, and its last alpha."""
    found, curves = searched(trials(method, 2))
    return found, torch.tensor(curves.epochs[0][-1].alpha)


@pytest.mark.parametrize("method", METHODS)
def test_a_trial_is_the_same_alone_and_beside_others(method: str) -> None:
    """Beside a trial that diverges: the same score, architecture and alpha."""
    specs = trials(method, 1, 2)
    absurd = dataclasses.replace(specs[0].hyperparameters, parameter_learning_rate=1e30, alpha_learning_rate=1e30)
    found, curves = searched([dataclasses.replace(specs[0], hyperparameters=absurd), specs[1]])
    expected, alpha = alone(method)
    assert found.one_shot_score[1] == pytest.approx(expected.one_shot_score[0], abs=1e-3)
    assert found.architecture[1] == expected.architecture[0] is not None
    torch.testing.assert_close(torch.tensor(curves.epochs[1][-1].alpha), alpha, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_both_kernels_search_alike(method: str) -> None:
    """The fused kernels serve every method, and give what torch gives."""
    found, curves = searched(trials(method, 2), "fused")
    expected, alpha = alone(method)
    assert (expected.kernel, found.kernel) == ("torch", "fused")
    assert found.one_shot_score[0] == pytest.approx(expected.one_shot_score[0], abs=0.02)
    torch.testing.assert_close(torch.tensor(curves.epochs[0][-1].alpha), alpha, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_mixing_weights_are_a_distribution(method: str) -> None:
    """They lie in [0, 1] and sum to 1 over an edge, at any time, and where the search is validated."""
    relaxation = resolve(METHODS[method].relaxation)()
    own = {name: one for name, one in METHODS[method].hyperparameters.items() if one.is_number}
    hyperparameters = {name: torch.full((2, 1, 1), float(one.default)) for name, one in own.items()}
    alpha = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1))
    for step in (0, 5, 10):
        moment = Moment(step, 10, generators([1, 2], "cpu", "relaxation"), hyperparameters)
        for mix in (relaxation.mix(alpha, moment), relaxation.settled(alpha, moment)):
            assert float(mix.min()) >= 0
            assert float(mix.max()) <= 1
            if method not in FREE:
                torch.testing.assert_close(mix.sum(dim=2), torch.ones(2, 5))
