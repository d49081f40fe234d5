"""The update of RobustDARTS (Zela et al., "Understanding and Robustifying DARTS", ICLR 2020): early stopping.

After each epoch the largest eigenvalue of the validation loss's Hessian in alpha is found; lambda(i) is its mean over
the last 5 epochs. Alpha stops, at what it was 5 epochs ago, when

    lambda(i - 5) / lambda(i) < ``eigenvalue_ratio``    (the authors: 0.75)

which takes 10 epochs at least. The weights are trained to the end of the budget, so that the one-shot score is that of
a trained network; the authors, who retrain anyway, end the search. ``search_l2_factor`` is their other remedy: the
search's weight decay is so many times the retraining's (theirs: 1 to 81). A ratio of 0 and a factor of 1 are DARTS.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spaces.inverse_1d.trial import BATCHES_PER_EPOCH
from workers.methods.alternating import AlternatingFirstOrder
from workers.methods.curvature import LargestEigenvalue
from workers.methods.state import SearchState
from workers.trials.batches import Batch

#: Epochs that an eigenvalue is averaged over, and that alpha goes back.
WINDOW = 5


class EarlyStop(AlternatingFirstOrder):
    """DARTS of first order, until the curvature grows."""

    def __init__(self, state: SearchState) -> None:
        super().__init__(state)
        state.weight_decay.mul_(state.own("search_l2_factor"))
        self._eigenvalue = LargestEigenvalue(state)
        self._values: list[Tensor] = []
        self._alphas: list[Tensor] = []
        self._stopped = torch.zeros(len(state.alpha), dtype=torch.bool, device=state.alpha.device)

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        state, before = self._state, self._state.alpha.clone()
        errors = super().step(training, validation)
        state.alpha.copy_(torch.where(self._stopped[:, None, None], before, state.alpha))
        if (state.step + 1) % BATCHES_PER_EPOCH == 0:
            assert validation is not None
            self._end_epoch(validation)
        return errors

    def _end_epoch(self, batch: Batch) -> None:
        """Notes eigenvalue and alpha, and stops the trials whose curvature has grown."""
        state = self._state
        self._values.append(self._eigenvalue(batch))
        self._alphas.append(state.alpha.clone())
        stop = has_grown(torch.stack(self._values), state.own("eigenvalue_ratio")) & ~self._stopped
        if stop.any():
            state.alpha.copy_(torch.where(stop[:, None, None], self._alphas[-1 - WINDOW], state.alpha))
            self._stopped |= stop


def has_grown(values: Float[Tensor, "K T"], ratio: Float[Tensor, " T"]) -> Bool[Tensor, " T"]:
    """Whether the mean of the last values is more than 1 / ratio times the mean of those before them."""
    if len(values) < 2 * WINDOW:
        return torch.zeros(values.shape[1], dtype=torch.bool, device=values.device)
    now, then = values[-WINDOW:].mean(dim=0), values[-2 * WINDOW : -WINDOW].mean(dim=0)
    return (now > 0) & (then < ratio * now)
