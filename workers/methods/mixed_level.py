"""The update of MiLeNAS (He, Ye, Shen, Zhang, CVPR 2020, Eq. 7): alpha follows training and validation loss together.

    w <- w - eta_w grad_w L_train(w, alpha)
    alpha <- alpha - eta_alpha (grad_alpha L_train(w, alpha) + lambda grad_alpha L_val(w, alpha))

lambda is ``validation_weight``; 0 is the update of one level. All gradients are those before the step, and the two of
the training batch come from one pass.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch


class MixedLevel(Update):
    """Steps of both; alpha's on both batches."""

    def __init__(self, state: SearchState) -> None:
        self._state = state

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        assert validation is not None
        state = self._state
        # The validation batch aside: running statistics are those of training batches, as with lambda = 0.
        seen, of_validation = state.alpha_gradient(validation, state.weights)
        errors, of_training, of_weights = state.both_gradients(training)
        state.apply_alpha(of_training + state.hyperparameters["validation_weight"] * of_validation)
        state.apply_weights(of_weights)
        return errors, seen
