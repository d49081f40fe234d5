"""What holds for every method that is registered: trials do not meet, kernels agree, mixes are mixes."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import METHODS
from spaces.inverse_1d.trial import InverseTrial
from spaces.references import resolve
from tests.workers.methods.searches import POINT
from workers.methods.pieces import Moment
from workers.trials.batches import generators
from workers.trials.group import TrialGroup
from workers.trials.search import Found, search

CHOICES = Choices(channels=2, batch_size=4, tau=0.1, loss_scale=0.5, alpha_init_std=0.1)

#: Hyperparameters that keep these searches short, by method.
SHORT: dict[str, dict[str, float]] = {}

#: A relaxation whose mixing weights are no distribution.
FREE: set[str] = set()


def trials(method: str, *seeds: int, steps: int = 4) -> list[InverseTrial]:
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


def searched(specs: list[InverseTrial], kernel: str = "torch") -> tuple[Found, TrialGroup]:
    """The search of these trials as one batch."""
    group = TrialGroup.of(specs, kernel=kernel)
    return search(group), group


@pytest.mark.parametrize("method", METHODS)
def test_a_trial_is_the_same_alone_and_beside_others(method: str) -> None:
    """Scores, architectures and alphas of a batch of two are those of each alone."""
    specs = trials(method, 1, 2)
    both, group = searched(specs)
    for trial, spec in enumerate(specs):
        alone, its = searched([spec])
        assert both.one_shot_score[trial] == pytest.approx(alone.one_shot_score[0], abs=1e-3)
        assert both.architecture[trial] == alone.architecture[0]
        ours, theirs = (torch.tensor(epochs[-1].alpha) for epochs in (group.curves.epochs[trial], its.curves.epochs[0]))
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_both_kernels_search_alike(method: str) -> None:
    """The fused kernels serve every method, and give what torch gives."""
    specs = trials(method, 3)
    (plain, group), (fused, other) = searched(specs), searched(specs, "fused")
    assert (plain.kernel, fused.kernel) == ("torch", "fused")
    assert fused.one_shot_score[0] == pytest.approx(plain.one_shot_score[0], abs=0.02)
    ours, theirs = (torch.tensor(one.curves.epochs[0][-1].alpha) for one in (group, other))
    torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-3)


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


@pytest.mark.parametrize("method", METHODS)
def test_a_trial_that_diverges_disturbs_no_other(method: str) -> None:
    """Beside one with an absurd rate, a trial gives what it gives alone, and the search ends."""
    specs = trials(method, 1, 2)
    point = dataclasses.replace(specs[1].hyperparameters, parameter_learning_rate=1e30, alpha_learning_rate=1e30)
    beside, _ = searched([specs[0], dataclasses.replace(specs[1], hyperparameters=point)])
    alone, _ = searched(specs[:1])
    assert beside.one_shot_score[0] == pytest.approx(alone.one_shot_score[0], abs=1e-3)
    assert beside.architecture[0] == alone.architecture[0]
