"""What SmoothDARTS (Chen, Hsieh, ICML 2020) has in common: the weights are trained at mixing weights near alpha's.

    min_alpha L_val(w, alpha),    w = argmin L_train(w, softmax(alpha) + delta),    |delta|_inf <= epsilon

epsilon rises linearly from 0.03 to ``perturbation`` (the authors' code: 0.3); where that is smaller it is constant. As
in their code delta is added to the mixing weights, which are then clipped to [0, 1] and made to sum to 1 again. With
epsilon = 0 this is DARTS.
"""

from __future__ import annotations

import abc

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.gates import most_likely
from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch

#: epsilon at the beginning.
FIRST_EPSILON = 0.03


class PerturbedWeights(Update):
    """Alternates steps of alpha, and of the weights at perturbed mixing weights."""

    def __init__(self, state: SearchState) -> None:
        self.state = state

    @abc.abstractmethod
    def perturbed(self, batch: Batch, mix: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        """The mixing weights of the weights' step on that batch."""

    @property
    def epsilon(self) -> Float[Tensor, "T 1 1"]:
        """How far a mixing weight may be moved in this step."""
        last = self.state.hyperparameters["perturbation"]
        first = last.clamp_max(FIRST_EPSILON)
        return first + (last - first) * self.state.moment.progress

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        assert validation is not None
        seen = self.state.step_alpha(validation)
        errors, gradient = self.state.weight_gradient(training, self.perturbed(training, self.state.mix()))
        if gradient is not None:
            self.state.apply_weights(gradient)
        return errors, seen

    def noise(self, mix: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        """Uniform numbers within epsilon."""
        return self.epsilon * (2 * self.state.moment.uniform(mix) - 1)


def onto_simplex(mix: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
    """Clipped to [0, 1] and divided by the sum of the edge; an edge of which nothing is left keeps its largest."""
    clipped = mix.clamp(0, 1)
    clipped = torch.where(clipped.sum(dim=2, keepdim=True) == 0, most_likely(mix), clipped)
    return clipped / clipped.sum(dim=2, keepdim=True)
