"""The update of OLES (Jiang, Ji, Zhu, Yuan, Huang, "Operation-Level Early Stopping", NeurIPS 2023, Alg. 1).

The weights of an operation that begins to overfit are frozen. For each operation with weights on each edge,

    GM = mean over M steps of cos(grad_o L_train, grad_o L_val)

and where GM is less than a threshold its weights stay from then on. M is ``agreement_window`` (the authors: 20), the
threshold ``agreement`` (theirs: 0.4). The gradient of the validation loss in the weights comes with alpha's, from one
pass. The authors' code averages the cosine over slices of each tensor; here it is that of the operation's whole
gradient, as their equation has it. A threshold of -1 is DARTS.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spaces.inverse_1d.layout import MAP_PARTS, Layout
from workers.methods.pieces import Update
from workers.methods.state import SearchState
from workers.trials.batches import Batch


class OperationStop(Update):
    """DARTS of first order that freezes the weights of operations."""

    def __init__(self, state: SearchState) -> None:
        self._state = state
        self._groups = operation_of_weight(state.network.layout).to(state.weights.device)
        shape = (len(state.weights), int(self._groups.max()) + 1 if len(self._groups) else 1)
        self._sums = torch.zeros(shape, dtype=state.weights.dtype, device=state.weights.device)
        self.frozen = torch.zeros(shape, dtype=torch.bool, device=state.weights.device)

    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """See :meth:`Update.step`."""
        assert training is not None
        assert validation is not None
        state = self._state
        seen, of_alpha, of_validation = state.both_gradients(validation)
        state.apply_alpha(of_alpha)
        errors, of_training = state.weight_gradient(training)
        if of_training is not None:
            before = state.weights.clone()
            state.apply_weights(of_training)
            self._note(cosines(of_training, of_validation, self._groups, self.frozen.shape[1]))
            state.weights.copy_(torch.where(self.frozen[:, self._groups], before, state.weights))
        return errors, seen

    def _note(self, agreement: Float[Tensor, "T G"]) -> None:
        """Adds a step's agreement, and freezes what is below the threshold at the end of a window."""
        window = self._state.own("agreement_window")
        is_end = torch.remainder(torch.full_like(window, self._state.step + 1), window) == 0
        self._sums += agreement
        too_low = self._sums / window[:, None] < self._state.own("agreement")[:, None]
        # What belongs to no operation (group 0: a cell's merging convolution) is never frozen.
        too_low[:, 0] = False
        self.frozen |= too_low & is_end[:, None]
        self._sums = torch.where(is_end[:, None], 0.0, self._sums)


def operation_of_weight(layout: Layout) -> Int[Tensor, " P"]:
    """For each weight the number of its operation, from 1; 0 for weights of no operation."""
    groups = torch.zeros(layout.size, dtype=torch.int64)
    places = layout.views(torch.arange(layout.size)[None].double())
    for learned in range(len(layout.maps)):
        for part in places[:MAP_PARTS]:
            groups[part[0, learned].flatten().long()] = learned + 1
    for number, place in enumerate(layout.own_index.values(), start=len(layout.maps) + 1):
        groups[places.own[0, place].long()] = number
    return groups


def cosines(
    first: Float[Tensor, "T P"], second: Float[Tensor, "T P"], groups: Int[Tensor, " P"], count: int
) -> Float[Tensor, "T G"]:
    """The cosine of two gradients within each group of weights; 0 where one of them is 0."""

    def summed(values: Tensor) -> Tensor:
        return values.new_zeros(len(values), count).index_add_(1, groups, values)

    lengths = (summed(first.square()) * summed(second.square())).sqrt()
    return summed(first * second) / lengths.clamp_min(torch.finfo(first.dtype).tiny)
