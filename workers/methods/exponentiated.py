"""The update of GAEA (Li, Khodak, Balcan, Talwalkar, "Geometry-Aware Gradient Algorithms for NAS", ICLR 2021, Alg. 1).

The mixing weights theta themselves are learned, by mirror descent on the simplex:

    theta <- theta * exp(-eta grad_theta L_val) / sum

With theta = softmax(alpha) this is alpha <- alpha - eta grad_theta L_val: the gradient is not multiplied by the
derivative of the softmax. Alpha's learning rate is eta; its optimiser and weight decay have no place here.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch


class ExponentiatedGradient(Update):
    """Alternates exponentiated gradient steps of the mixing weights and steps of the network's weights."""

    def __init__(self, state: SearchState) -> None:
        self._state = state

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        assert validation is not None
        state = self._state
        errors, of_theta = state.mix_gradient(validation, state.mix())
        state.alpha.sub_(state.alpha_rate[:, None, None] * of_theta)
        return state.step_weights(training), errors
