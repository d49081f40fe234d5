"""The update of DARTS of second order (Liu, Simonyan, Yang, "DARTS", ICLR 2019, Eqs. 6 to 8).

Alpha's step follows the gradient of the validation loss after one virtual step of the weights,

    w' = w - xi grad_w L_train(w, alpha)
    grad_alpha L_val(w', alpha) - xi (grad_alpha L_train(w+, alpha) - grad_alpha L_train(w-, alpha)) / (2 epsilon)
    w+- = w +- epsilon grad_w' L_val(w', alpha),    epsilon = 0.01 / |grad_w' L_val(w', alpha)|

with xi = ``virtual_step`` times the weights' rate. As in the authors' code, weight decay is part of the virtual step;
their momentum is not, since the weights' optimiser here is Adam. xi = 0 is DARTS of first order.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch

#: The length of the difference w+ - w, as the authors have it.
DIFFERENCE = 0.01


class SecondOrder(Update):
    """Alternates steps of alpha, of second order, and of the weights."""

    def __init__(self, state: SearchState) -> None:
        self._state = state

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        assert validation is not None
        errors, gradient = self.alpha_gradient(training, validation)
        self._state.apply_alpha(gradient)
        return self._state.step_weights(training), errors

    def alpha_gradient(self, training: Batch, validation: Batch) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T E O"]]:
        """Errors of the validation samples after the virtual step, and the gradient in alpha of second order."""
        state = self._state
        xi = (state.own("virtual_step") * state.weight_rate)[:, None]
        virtual = state.weights.clone()
        _, _, of_weights = state.both_gradients(training, state.weights)
        virtual -= xi * (of_weights + state.weight_decay[:, None] * state.weights)
        errors, direct, direction = state.both_gradients(validation, virtual)
        # A direction of length 0 has no product; the least number keeps 0 / 0 out.
        length = direction.norm(dim=1, keepdim=True).clamp_min(torch.finfo(direction.dtype).tiny)
        epsilon = DIFFERENCE / length
        _, ahead = state.alpha_gradient(training, state.weights + epsilon * direction)
        _, behind = state.alpha_gradient(training, state.weights - epsilon * direction)
        product = (ahead - behind) / (2 * epsilon[:, :, None])
        return errors, direct - xi[:, :, None] * product
