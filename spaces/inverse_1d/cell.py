"""The cell network: two cells in sequence, each a directed acyclic graph of states (section 4.2, Fig. 2).

A cell has one input (state 0) and five states; a state is the sum of its edges from all earlier ones, and the
last two states are concatenated as channels and mapped 2 -> 1 by a convolution. The first cell's input is
u0 = A'y, the second's the first's output; the gradient operations of both compare with the same y.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.errors import InvalidValueError
from spaces.inverse_1d.architecture import cell_states
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.network import Network, Pass


def edge_index(source: int, target: int) -> int:
    """Place within a cell of the edge from state ``source`` (0 is the input) to state ``target`` (from 1)."""
    return target * (target - 1) // 2 + source


class CellNetwork(Network):
    """Cells in sequence; edge ``g * cell_size + edge_index(i, j)`` of the layout is the edge i -> j of cell g.

    Attributes:
        cell_size: Edges of a cell.
        cell_states: States of a cell, its input not counted.

    Raises:
        InvalidValueError: If the edges of the layout are not those of cells.
    """

    def __init__(self, layout: Layout, formation: DataFormation, choices: Choices) -> None:
        super().__init__(layout, formation, choices)
        if layout.merges < 1 or len(layout.edges) % layout.merges:
            raise InvalidValueError(f"{len(layout.edges)} edges cannot be those of {layout.merges} cells")
        self.cell_size = len(layout.edges) // layout.merges
        self.cell_states = cell_states(self.cell_size)

    def reconstruct(self, flow: Pass) -> Float[Tensor, "T B N"]:
        """See :meth:`Network.reconstruct`."""
        parts, u0 = flow.parts, flow.u0
        u = u0
        for cell in range(self.layout.merges):
            states: list[Tensor | None] = [u] + [None] * self.cell_states
            for source in range(self.cell_states):
                state = states[source]
                state = torch.zeros_like(u0) if state is None else state
                targets = range(source + 1, self.cell_states + 1)
                edges = [cell * self.cell_size + edge_index(source, target) for target in targets]
                values = flow.leave(state, edges)
                for target, value in zip(targets, values, strict=True):
                    before = states[target]
                    states[target] = value if before is None else before if value is None else before + value
            last = [torch.zeros_like(u0) if state is None else state for state in states[-2:]]
            u = merge(last[0], last[1], parts.merge_weight[:, cell], parts.merge_bias[:, cell])
        return u


def merge(
    first: Float[Tensor, "T B N"],
    second: Float[Tensor, "T B N"],
    weight: Float[Tensor, "T 2 K"],
    bias: Float[Tensor, " T"],
) -> Float[Tensor, "T B N"]:
    """The 2 -> 1 convolution that ends a cell, zero padded.

    Args:
        first: The last state but one.
        second: The last state.
        weight: Of the two states.
        bias: Added to all positions.
    """
    width, count = weight.shape[-1], first.shape[-1]
    out = bias[:, None, None].expand_as(first)
    for channel, state in enumerate((first, second)):
        padded = torch.nn.functional.pad(state, (width // 2, width // 2)) if width > 1 else state
        for k in range(width):
            out = out + weight[:, channel, k, None, None] * padded[..., k : k + count]
    return out
