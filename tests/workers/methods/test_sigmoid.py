"""The relaxation of FairDARTS."""

from __future__ import annotations

import torch

from workers.methods.pieces import Moment
from workers.methods.sigmoid import Sigmoid


def test_an_operation_excludes_no_other() -> None:
    """1 / (1 + exp(-alpha)), and the weight of one operation does not depend on the others."""
    alpha = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moment = Moment(0, 1, ())
    found = Sigmoid().mix(alpha, moment)
    torch.testing.assert_close(found, 1 / (1 + (-alpha).exp()))
    other = alpha.clone()
    other[..., 0] += 5
    assert torch.equal(Sigmoid().mix(other, moment)[..., 1:], found[..., 1:])
