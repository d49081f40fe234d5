"""The update of DAS-single: alpha alone is learned, on validation batches; the weights stay (section 5.4)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch


class AlphaAlone(Update):
    """Steps of alpha."""

    sees_training = False

    def __init__(self, state: SearchState) -> None:
        self._state = state

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert validation is not None
        return None, self._state.step_alpha(validation)
