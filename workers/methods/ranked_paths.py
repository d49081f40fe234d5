"""The update of random search with weight sharing (Li, Talwalkar, UAI 2019): train random paths, then rank them.

The shared weights are trained on random paths. Then ``ranked_paths`` random architectures (the authors: 1000) are
ranked by the loss of one validation batch with the shared weights, and the best ten of them by 19 batches; the best is
kept. All are ranked on the same batches, and with batch statistics: the running ones are those of no one path.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.trial import BATCHES_PER_EPOCH
from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch

#: Architectures that are validated on all batches.
FINALISTS = 10


class RankedPaths(Update):
    """Steps of the weights, and a ranking at the end."""

    sees_validation = False

    def __init__(self, state: SearchState) -> None:
        self._state = state

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        return self._state.step_weights(training), None

    def finish(self) -> None:
        """Makes alpha the gates of the best architecture."""
        state, counts = self._state, self._state.own("ranked_paths")
        paths = [state.mix() for _ in range(int(counts.max()))]
        (batch,) = state.batches("ranking").draw(1)
        ranked = torch.stack(
            [torch.where(place < counts, state.loss(batch, path), torch.inf) for place, path in enumerate(paths)], dim=1
        )
        first, best = ranked.topk(min(FINALISTS, len(paths)), dim=1, largest=False)
        trials = torch.arange(len(best), device=best.device)
        finalists = [torch.stack(paths)[place, trials] for place in best.unbind(dim=1)]
        losses = torch.zeros_like(first)
        for batch in state.batches("final-ranking").draw(BATCHES_PER_EPOCH):
            losses += torch.stack([state.loss(batch, path) for path in finalists], dim=1)
        chosen = torch.where(first.isinf(), torch.inf, losses).argmin(dim=1)
        state.alpha.copy_(torch.stack(finalists)[chosen, trials])
