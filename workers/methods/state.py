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
from workers.trials.gradients import alpha_gradient, both_gradients, weight_gradient
from workers.trials.training import Adam, PerTrial, alpha_rates, decays, weight_rates
from workers.trials.validation import sample_errors

#: What is added to the loss of alpha: takes alpha [T, E, O] and the moment, gives a number for each trial.
Regulariser = Callable[[Tensor, Moment], Tensor]


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
        regulariser: What is added to the loss of alpha, [T], as a function of alpha and the moment; None for nothing.
        weight_decay: L2 weight decay of the weights, [T].
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
        self.regulariser: Regulariser | None = None
        self.hyperparameters = own_hyperparameters(specs, device)
        self._generators = generators([spec.seed for spec in specs], device, "relaxation")
        self._weight_optimizer = Adam(self.weights)
        self._weight_rate = weight_rates(specs, device)
        self.weight_decay = decays(specs, "parameter_weight_decay", device)
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

    @property
    def weight_rate(self) -> Float[Tensor, " T"]:
        """The weights' learning rate of this step."""
        return self._weight_rate[self.step]

    @property
    def alpha_rate(self) -> Float[Tensor, " T"]:
        """Alpha's learning rate of this step."""
        return self._alpha_rate[self.step]

    def own(self, name: str) -> Float[Tensor, " T"]:
        """The hyperparameter of the method of that name, of each trial."""
        return self.hyperparameters[name].view(-1)

    def mix(self) -> Float[Tensor, "T E O"]:
        """The present mixing weights; no gradient goes through them."""
        return self.relaxation.mix(self.alpha, self.moment)

    def settled_mix(self) -> Float[Tensor, "T E O"]:
        """The mixing weights of the one-shot validation."""
        return self.relaxation.settled(self.alpha, self.moment)

    def alpha_gradient(
        self, batch: Batch, weights: Float[Tensor, "T P"] | None = None
    ) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T E O"]]:
        """Mean squared errors of the samples, and the gradient of the loss in alpha; the weights are constant.

        Args:
            batch: The samples.
            weights: Others than those of the search; the running statistics then stay as they are.
        """
        inputs = (self.forward, *self._point(weights))
        errors, gradient = alpha_gradient(*inputs, self.alpha, (self.relaxation, self.moment), batch, self.loss_scale)
        return errors, self._regularised(gradient)

    def weight_gradient(
        self, batch: Batch, mix: Float[Tensor, "T E O"] | None = None
    ) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T P"] | None]:
        """The same in the weights; alpha is constant. None where the network has no weights.

        Args:
            batch: The samples.
            mix: Other mixing weights than those of alpha.
        """
        mix = self.mix() if mix is None else mix
        return weight_gradient(self.forward, self.weights, self.buffers, mix, batch, self.loss_scale)

    def both_gradients(
        self, batch: Batch, weights: Float[Tensor, "T P"] | None = None
    ) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T E O"], Float[Tensor, "T P"]]:
        """The gradients in alpha and in the weights from one pass, at one mix; ``weights`` as of alpha_gradient."""
        mix, pull_back = self.relaxation.mix_and_pull_back(self.alpha, self.moment)
        inputs = (self.forward, *self._point(weights))
        errors, of_weights, of_mix = both_gradients(*inputs, mix, batch, self.loss_scale)
        return errors, self._regularised(pull_back(of_mix)), of_weights

    def mix_gradient(
        self, batch: Batch, mix: Float[Tensor, "T E O"]
    ) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T E O"]]:
        """The gradient in mixing weights that alpha need not have made; the running statistics stay as they are."""
        inputs = (self.forward, self.weights, self._statistics_aside(), mix)
        return alpha_gradient(*inputs, (_AsItIs(), self.moment), batch, self.loss_scale)

    def loss(self, batch: Batch, mix: Float[Tensor, "T E O"]) -> Float[Tensor, " T"]:
        """The loss with batch statistics and those mixing weights; the running statistics stay as they are."""
        with torch.no_grad():
            x_hat = self.forward(self.weights, self._statistics_aside(), mix, batch.y, batch.noise, True)
            return self.loss_scale * sample_errors(x_hat, batch.x).mean(dim=1)

    def apply_alpha(self, gradient: Float[Tensor, "T E O"]) -> None:
        """A step of alpha's optimiser, with the learning rate of this step."""
        self._alpha_optimizer.step(self.alpha, gradient, self.alpha_rate, self._alpha_decay)

    def apply_weights(self, gradient: Float[Tensor, "T P"]) -> None:
        """A step of the weights' optimiser, with the learning rate of this step."""
        self._weight_optimizer.step(self.weights, gradient, self.weight_rate, self.weight_decay)

    def step_alpha(self, batch: Batch) -> Float[Tensor, "T B"]:
        """Gradient and step of alpha; on a GPU in one launch, where the relaxation allows it.

        Not with a regulariser: it may change with time, and what was recorded would not.
        """
        step = self._step_alpha if self.regulariser is None else self._alpha_step
        return step(batch, self.alpha_rate)

    def step_weights(self, batch: Batch) -> Float[Tensor, "T B"]:
        """Gradient and step of the weights, likewise."""
        return self._step_weights(batch, self.weight_rate)

    def _alpha_step(self, batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        errors, gradient = self.alpha_gradient(batch)
        self._alpha_optimizer.step(self.alpha, gradient, rate, self._alpha_decay)
        return errors

    def _weight_step(self, batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        errors, gradient = self.weight_gradient(batch)
        if gradient is not None:
            self._weight_optimizer.step(self.weights, gradient, rate, self.weight_decay)
        return errors

    def _point(self, weights: Float[Tensor, "T P"] | None) -> tuple[Float[Tensor, "T P"], Buffers]:
        """Weights, and the running statistics that a pass with them may change."""
        return (self.weights, self.buffers) if weights is None else (weights, self._statistics_aside())

    def _statistics_aside(self) -> Buffers:
        """A copy of the running statistics."""
        return Buffers(*(buffer.clone() for buffer in self.buffers))

    def _regularised(self, gradient: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        """The gradient in alpha with that of the regulariser added."""
        if self.regulariser is None:
            return gradient
        with torch.enable_grad():
            leaf = self.alpha.detach().requires_grad_()
            (further,) = torch.autograd.grad(self.regulariser(leaf, self.moment).sum(), leaf)
        return gradient + further


class _AsItIs(Relaxation):
    """Takes mixing weights for alpha."""

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        return alpha.clone()


def own_hyperparameters(specs: Sequence[InverseTrial], device: str) -> dict[str, Float32[Tensor, "T 1 1"]]:
    """What the method of the trials adds to the hyperparameters, as numbers; see :class:`Moment`."""
    trials = [spec.own_numbers for spec in specs]
    return {
        name: torch.tensor([numbers[name] for numbers in trials], dtype=torch.float32, device=device).view(-1, 1, 1)
        for name in trials[0]
    }
