"""Short searches by a method with hyperparameters of its own, for the tests of a method's pieces."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from spaces.hyperparameters import preset
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.networks import relaxed_network
from spaces.inverse_1d.registries import METHODS, OwnHyperparameter
from spaces.inverse_1d.trial import InverseTrial
from spaces.references import resolve
from tests.plugins.isolation import registries_as_they_are
from workers.methods.fresh import fresh_weights
from workers.methods.pieces import Moment, Relaxation, Start, Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch, Batches
from workers.trials.group import TrialGroup
from workers.trials.search import initial_alpha

CHOICES = Choices(channels=3, batch_size=8, tau=0.1, loss_scale=0.5, alpha_init_std=0.1)
POINT = dataclasses.replace(
    preset("H1"), parameter_learning_rate=0.001, alpha_learning_rate=0.02, alpha_warm_up=False, alpha_scheduler="none"
)

#: What the trials of a search have.
OWN = ({"slope": 2.0, "kind": "c", "flag": True}, {"slope": 0.5, "kind": "a", "flag": False})


class Own(Relaxation):
    """Uses the hyperparameters of its method."""

    def mix(self, alpha: Tensor, moment: Moment) -> Tensor:
        """See Relaxation.mix."""
        return (alpha * moment.hyperparameters["slope"]).sigmoid()


@contextlib.contextmanager
def own_method() -> Iterator[None]:
    """A method with three hyperparameters, as long as the block lasts."""
    with registries_as_they_are():
        METHODS["own"] = dataclasses.replace(
            METHODS["das"],
            hyperparameters={
                "slope": OwnHyperparameter(1.0, low=0.1, high=9.0),
                "kind": OwnHyperparameter("a", values=("a", "b", "c")),
                "flag": OwnHyperparameter(False, values=(False, True)),
            },
        )
        yield


def group_of(*owns: dict[str, float | bool | str]) -> TrialGroup:
    """A trial for each choice of the hyperparameters."""
    points = [dataclasses.replace(POINT, own=own) for own in owns]
    specs = [
        InverseTrial(point, 0.2, seed, method="own", choices=CHOICES) for seed, point in enumerate(points, start=1)
    ]
    return TrialGroup.of(specs, kernel="torch")


def state_of(group: TrialGroup) -> tuple[SearchState, Batch, Batch]:
    """A search that has not begun, and a training and a validation batch."""
    network = group.relaxed()
    weights = fresh_weights(Start(group, network.layout))
    alpha = initial_alpha(group.specs, network.layout)
    forward, _ = group.forward_of(network)

    def batches(name: str) -> Batches:
        return group.batches(name, network.layout)

    state = SearchState(group.specs, (network, forward), Own(), weights, alpha, batches, "cpu")
    return state, next(batches("training").draw(1)), next(batches("validation").draw(1))


def loss_of(state: SearchState, weights: Tensor, alpha: Tensor, batch: Batch) -> Tensor:
    """The loss of all trials, written down again."""
    slopes = torch.tensor([2.0, 0.5])[:, None, None]
    buffers = state.network.layout.initial_buffers(2)
    x_hat = state.network.forward(weights, buffers, torch.sigmoid(slopes * alpha), batch.y, batch.noise, True)
    return 0.5 * (x_hat - batch.x).square().mean(dim=(1, 2)).sum()


def assert_update_is_plain(kind: type[Update]) -> None:
    """A step is one of alpha on the validation batch, then one of the weights where the method trains them."""
    state, training, validation = state_of(group_of(*OWN))
    weights, alpha = (torch.nn.Parameter(tensor.clone()) for tensor in (state.weights, state.alpha))
    update = kind(state)
    update.step(training if update.sees_training else None, validation)
    optimizers = (
        torch.optim.SGD([alpha], lr=0.02, weight_decay=POINT.alpha_weight_decay),
        torch.optim.Adam([weights], lr=0.001, weight_decay=POINT.parameter_weight_decay),
    )
    steps = [(optimizers[0], alpha, validation), (optimizers[1], weights, training)]
    for optimizer, parameter, batch in steps[: 2 if update.sees_training else 1]:
        (parameter.grad,) = torch.autograd.grad(loss_of(state, weights, alpha, batch), parameter)
        optimizer.step()
    torch.testing.assert_close(state.alpha, alpha.detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(state.weights, weights.detach(), rtol=1e-3, atol=1e-5)


class DoubleBatches(Batches):
    """Batches in float64."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def draw(self, count: int) -> Iterator[Batch]:
        """See Batches.draw."""
        for x, y, noise in self._batches.draw(count):
            yield Batch(x.double(), y.double(), None if noise is None else noise.double())


@dataclasses.dataclass
class DoubleSearch:
    """A search in float64 that has not begun."""

    state: SearchState
    update: Any
    training: list[Batch]
    validation: list[Batch]

    def learn(self, steps: int | None = None) -> DoubleSearch:
        """Takes the steps, all by default."""
        for training, validation in list(zip(self.training, self.validation, strict=True))[:steps]:
            self.update.step(
                training if self.update.sees_training else None, validation if self.update.sees_validation else None
            )
            self.state.step += 1
        return self


def double_search(
    method: str,
    *owns: Mapping[str, float | bool | str],
    space: str = "sequential",
    operations: str = "all",
    steps: int = 4,
    **point: Any,
) -> DoubleSearch:
    """A search in float64 by torch, of a trial for each choice of the method's hyperparameters."""
    points = [dataclasses.replace(POINT, own=own, **point).with_defaults(method) for own in owns or ({},)]
    specs = [
        InverseTrial(one, steps / 19, seed, space=space, operations=operations, method=method, choices=CHOICES)
        for seed, one in enumerate(points, start=1)
    ]
    group, entry = TrialGroup.of(specs, kernel="torch"), METHODS[method]
    matrices = (group.formation.matrix.double(), group.formation.normal_matrix.double())
    formation = DataFormation(group.formation.name, *matrices, group.formation.noise_sigma)
    network = relaxed_network(space, operations, formation, CHOICES)
    weights, buffers = fresh_weights(Start(group, network.layout))
    state = SearchState(
        specs,
        (network, network.forward),
        resolve(entry.relaxation)(),
        (weights.double(), Buffers(*(buffer.double() for buffer in buffers))),
        initial_alpha(specs, network.layout).double(),
        lambda name: DoubleBatches(group.batches(name, network.layout)),
        "cpu",
    )
    state.regulariser = None if entry.regulariser is None else resolve(entry.regulariser)
    training, validation = (list(state.batches(name).draw(steps)) for name in ("training", "validation"))
    copies = [
        [Batch(*(None if one is None else one.clone() for one in batch)) for batch in drawn]
        for drawn in (training, validation)
    ]  # type: ignore[arg-type]
    return DoubleSearch(state, resolve(entry.update)(state), *copies)


def plain_losses(state: SearchState, weights: Tensor, mix: Tensor, batch: Batch) -> Tensor:
    """The loss of each trial with batch statistics, written down again."""
    buffers = state.network.layout.initial_buffers(len(weights))
    buffers = Buffers(*(buffer.to(weights.dtype) for buffer in buffers))
    x_hat = state.network.forward(weights, buffers, mix, batch.y, batch.noise, True)
    return 0.5 * (x_hat - batch.x).square().mean(dim=(1, 2))


def gradient_of(losses: Tensor, leaf: Tensor) -> Tensor:
    """The gradient of each trial's loss."""
    return torch.autograd.grad(losses.sum(), leaf, create_graph=True)[0]
