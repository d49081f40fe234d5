"""The update of one level: alpha and the weights follow the gradient of one loss on one batch, at the same time.

    w <- w - eta_w grad_w L_train(w, alpha),    alpha <- alpha - eta_alpha grad_alpha L_train(w, alpha)

What DARTS (ICLR 2019, section 3) compared itself with, and how SNAS trains (Xie et al., ICLR 2019). Both gradients come
from one pass, so a step costs half of DARTS'. The batch is a training batch; there are no validation batches.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch


class SingleLevel(Update):
    """Steps of both on training batches."""

    sees_validation = False

    def __init__(self, state: SearchState) -> None:
        self._state = state

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        errors, of_alpha, of_weights = self._state.both_gradients(training)
        self._state.apply_alpha(of_alpha)
        self._state.apply_weights(of_weights)
        return errors, None
