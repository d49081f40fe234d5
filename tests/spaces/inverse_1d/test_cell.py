"""The graph of a cell; whole cell networks are compared in test_networks.py."""

from __future__ import annotations

import pytest
import torch

from spaces.errors import InvalidValueError
from spaces.inverse_1d.cell import CellNetwork, edge_index, merge
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.layout import Layout


def test_edges_are_ordered_by_target_then_source() -> None:
    """The fifteen edges of five states are counted as the architecture strings write them."""
    pairs = [(source, target) for target in range(1, 6) for source in range(target)]
    assert [edge_index(source, target) for source, target in pairs] == list(range(15))


@pytest.mark.parametrize("width", [1, 3, 5])
def test_merging_is_torchs_convolution(width: int) -> None:
    """Two states as channels, zero padded, mapped to one."""
    generator = torch.Generator().manual_seed(width)
    first, second = torch.randn(2, 2, 3, 50, generator=generator, dtype=torch.float64)
    weight = torch.randn(2, 2, width, generator=generator, dtype=torch.float64)
    bias = torch.randn(2, generator=generator, dtype=torch.float64)
    for trial in range(2):
        both = torch.stack((first[trial], second[trial]), dim=1)
        expected = torch.nn.functional.conv1d(both, weight[trial][None], bias[trial][None], padding=width // 2)
        torch.testing.assert_close(merge(first, second, weight, bias)[trial], expected[:, 0])


@pytest.mark.parametrize(("edges", "merges"), [(15, 0), (15, 2), (8, 2)], ids=["no cell", "odd", "no cell of 4"])
def test_edges_that_make_no_cells_are_refused(edges: int, merges: int) -> None:
    """A layout has whole cells, each with 1, 3, 6, 10 ... edges."""
    with pytest.raises(InvalidValueError, match=r"edges cannot be those of|a cell of n states has"):
        CellNetwork(Layout((("net",),) * edges, 2, merges), data_formation("blur"), Choices())
