"""What the pieces of a method work on: the weights and alpha of a search, their gradients and their optimisers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.network import Forward, Network
from spaces.inverse_1d.trial import InverseTrial
from workers.methods.pieces import Moment, Relaxation
from workers.trials.batches import Batch, Batches, generators
from workers.trials.cuda_graphs import Step, replayed
from workers.trials.gradients import alpha_gradient, weight_gradient
from workers.trials.training import Adam, PerTrial, alpha_rates, decays, weight_rates


class SearchState:
    """A search of a batch of trials.

    Args:
        specs: Trials of equal shape.
        network: The relaxed network, and its forward pass.
        relaxation: How alpha becomes mixing weights.
        weights: Weights and running statistics that it begins with; the weights are changed in place.
        alpha: Changed in place.
        batches: Makes the stream of batches of a name.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Attributes:
        specs: The trials; ``specs[t].hyperparameters`` are trial t's.
        network: The relaxed network.
        forward: Its forward pass: weights, buffers, mixing weights, y, noise, training -> x_hat.
        weights: [T, P].
        buffers: Running statistics of batch norm.
        alpha: [T, E, O].
        batches: Makes the stream of batches of a name.
        step: Steps taken.
        hyperparameters: The method's own; see :class:`workers.methods.pieces.Moment`.
    """

    def __init__(
        self,
        specs: Sequence[InverseTrial],
        network: tuple[Network, Forward],
        relaxation: Relaxation,
        weights: tuple[Float[Tensor, "T P"], Buffers],
        alpha: Float[Tensor, "T E O"],
        batches: Callable[[str], Batches],
        device: str,
    ) -> None:
        self.specs = specs
        self.network, self.forward = network
        self.relaxation = relaxation
        self.weights, self.buffers = weights
        self.alpha = alpha
        self.batches = batches
        self.step = 0
        self.hyperparameters = own_hyperparameters(specs, device)
        self._generators = generators([spec.seed for spec in specs], device, "relaxation")
        self._weight_optimizer = Adam(self.weights)
        self._weight_rate = weight_rates(specs, device)
        self._weight_decay = decays(specs, "parameter_weight_decay", device)
        self._alpha_optimizer = PerTrial(alpha, [spec.hyperparameters.alpha_optimizer for spec in specs])
        self._alpha_rate = alpha_rates(specs, device)
        self._alpha_decay = decays(specs, "alpha_weight_decay", device)
        fixed = device if relaxation.is_fixed else "cpu"
        self._step_alpha: Step = replayed(self._alpha_step, fixed)
        self._step_weights: Step = replayed(self._weight_step, fixed)

    @property
    def moment(self) -> Moment:
        """Where the search is."""
        return Moment(self.step, self.specs[0].steps, self._generators, self.hyperparameters)

    @property
    def loss_scale(self) -> float:
        """The factor by which the loss is larger than the mean squared error."""
        return self.specs[0].choices.loss_scale

    def mix(self) -> Float[Tensor, "T E O"]:
        """The present mixing weights; no gradient goes through them."""
        return self.relaxation.mix(self.alpha, self.moment)

    def alpha_gradient(self, batch: Batch) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T E O"]]:
        """Mean squared errors of the samples, and the gradient of the loss in alpha; the weights are constant."""
        inputs = (self.forward, self.weights, self.buffers)
        return alpha_gradient(*inputs, self.alpha, (self.relaxation, self.moment), batch, self.loss_scale)

    def weight_gradient(self, batch: Batch) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T P"] | None]:
        """The same in the weights; alpha is constant. None where the network has no weights."""
        return weight_gradient(self.forward, self.weights, self.buffers, self.mix(), batch, self.loss_scale)

    def apply_alpha(self, gradient: Float[Tensor, "T E O"]) -> None:
        """A step of alpha's optimiser, with the learning rate of this step."""
        self._alpha_optimizer.step(self.alpha, gradient, self._alpha_rate[self.step], self._alpha_decay)

    def apply_weights(self, gradient: Float[Tensor, "T P"]) -> None:
        """A step of the weights' optimiser, with the learning rate of this step."""
        self._weight_optimizer.step(self.weights, gradient, self._weight_rate[self.step], self._weight_decay)

    def step_alpha(self, batch: Batch) -> Float[Tensor, "T B"]:
        """Gradient and step of alpha; on a GPU in one launch, where the relaxation allows it."""
        return self._step_alpha(batch, self._alpha_rate[self.step])

    def step_weights(self, batch: Batch) -> Float[Tensor, "T B"]:
        """Gradient and step of the weights, likewise."""
        return self._step_weights(batch, self._weight_rate[self.step])

    def _alpha_step(self, batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        errors, gradient = self.alpha_gradient(batch)
        self._alpha_optimizer.step(self.alpha, gradient, rate, self._alpha_decay)
        return errors

    def _weight_step(self, batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        errors, gradient = self.weight_gradient(batch)
        if gradient is not None:
            self._weight_optimizer.step(self.weights, gradient, rate, self._weight_decay)
        return errors


def own_hyperparameters(specs: Sequence[InverseTrial], device: str) -> dict[str, Float32[Tensor, "T 1 1"]]:
    """What the method of the trials adds to the hyperparameters, as numbers; see :class:`Moment`."""
    trials = [spec.own_numbers for spec in specs]
    return {
        name: torch.tensor([numbers[name] for numbers in trials], dtype=torch.float32, device=device).view(-1, 1, 1)
        for name in trials[0]
    }
