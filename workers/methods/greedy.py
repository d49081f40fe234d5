"""The relaxation and the update of SGAS (Li, Qian, Delgadillo, Mueller, Thabet, Ghanem, "SGAS", CVPR 2020).

One edge after the other is decided, the surest first: it keeps its best operation alone, and its alpha stays. With p
the softmax of an edge's alpha without the zero operation, made to sum to 1,

    edge importance        1 - softmax(alpha)_zero                      (Eq. 3; 1 where there is no zero)
    selection certainty    1 - entropy(p) / log(number of operations)   (Eq. 4)
    selection stability    mean over the last 4 epochs of sum_o min(p_o, p_o then)   (Eq. 5)

each scaled to [0, 1] over the edges; ``criterion`` is the product of the first two (1, ``certainty``) or of all (2,
``stability``). The first decision comes after ``warm_up_share`` of the steps, the last after 88 % (the authors: epochs
9 and 44 of 50), the others evenly between. The authors decide for each kind of cell by itself and never keep zero; here
all edges are one list, and zero may be kept, which is how an edge of this space is left out.
"""

from __future__ import annotations

import math
from collections import deque

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spaces.inverse_1d.registries import ZERO
from spaces.inverse_1d.trial import BATCHES_PER_EPOCH
from workers.methods.alternating import AlternatingFirstOrder
from workers.methods.gates import one_hot
from workers.methods.pieces import Moment, Relaxation
from workers.methods.state import SearchState
from workers.trials.batches import Batch

#: The share of the steps after which all edges are decided.
LAST_DECISION = 0.88

#: Epochs that stability looks back.
HISTORY = 4


class Greedy(Relaxation):
    """The softmax of alpha; a decided edge has the gate of its operation.

    Attributes:
        decided: Which edges are; None for none yet. Their alpha does not change.
    """

    decided: Bool[Tensor, "T E"] | None = None

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        soft = alpha.softmax(dim=2)
        if self.decided is None:
            return soft
        return torch.where(self.decided[:, :, None], one_hot(alpha.argmax(dim=2), alpha), soft)


class GreedyDecisions(AlternatingFirstOrder):
    """DARTS of first order that decides edges on its way."""

    def __init__(self, state: SearchState) -> None:
        super().__init__(state)
        trials, edges, operations = state.alpha.shape
        self.decided = torch.zeros(trials, edges, dtype=torch.bool, device=state.alpha.device)
        assert isinstance(state.relaxation, Greedy)
        state.relaxation.decided = self.decided
        kept = [place for place, name in enumerate(state.specs[0].candidates[:operations]) if name != ZERO]
        self._others = torch.tensor(kept, device=state.alpha.device)
        self._history: deque[Tensor] = deque(maxlen=HISTORY)
        first = state.own("warm_up_share")[:, None]
        place = torch.arange(edges, device=state.alpha.device) / max(1, edges - 1)
        self._due = (first + (LAST_DECISION - first).clamp_min(0) * place) * state.moment.steps

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        state, before = self._state, self._state.alpha.clone()
        errors = super().step(training, validation)
        state.alpha.copy_(torch.where(self.decided[:, :, None], before, state.alpha))
        if (state.step + 1) % BATCHES_PER_EPOCH == 0:
            self._history.append(self._shares()[1])
        left = (self._due <= state.step + 1).sum(dim=1) - self.decided.sum(dim=1)
        for taken in range(int(left.max())):
            edge = self.scores().masked_fill(self.decided, -math.inf).argmax(dim=1)
            now = torch.nn.functional.one_hot(edge, self.decided.shape[1]).bool()
            self.decided |= now & (left > taken)[:, None]
        return errors

    def _shares(self) -> tuple[Float[Tensor, "T E"], Float[Tensor, "T E O"]]:
        """The importance of each edge, and the shares p of its operations but zero."""
        shares = self._state.alpha.softmax(dim=2).index_select(2, self._others)
        importance = shares.sum(dim=2)
        return importance, shares / importance[:, :, None]

    def scores(self) -> Float[Tensor, "T E"]:
        """The criterion of each edge."""
        importance, p = self._shares()
        entropy = -(p * p.clamp_min(torch.finfo(p.dtype).tiny).log()).sum(dim=2)
        certainty = 1 - entropy / max(math.log(p.shape[2]), 1e-9)
        score = scaled(importance) * scaled(certainty)
        overlaps = [torch.minimum(p, then).sum(dim=2) for then in self._history]
        stability = scaled(torch.stack(overlaps).mean(dim=0)) if overlaps else torch.ones_like(score)
        # The second value of the hyperparameter.
        return torch.where(self._state.own("criterion")[:, None] == 1, score * stability, score)


def scaled(values: Float[Tensor, "T E"]) -> Float[Tensor, "T E"]:
    """From 0 for the least of the edges to 1 for the largest; 1 for all where they are equal."""
    least, most = values.amin(dim=1, keepdim=True), values.amax(dim=1, keepdim=True)
    return torch.where(most > least, (values - least) / (most - least), 1.0)
