"""The update of DARTS of first order: a step of alpha on a validation batch, then one of the weights (Eqs. 3 and 4)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch


class AlternatingFirstOrder(Update):
    """Alternates steps of alpha and of the weights."""

    def __init__(self, state: SearchState) -> None:
        self._state = state

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        assert validation is not None
        errors = self._state.step_alpha(validation)
        return self._state.step_weights(training), errors
