"""The largest eigenvalue against that of the whole Hessian."""

from __future__ import annotations

import pytest
import torch

from tests.workers.methods.searches import double_search, plain_losses
from workers.methods import curvature
from workers.methods.curvature import LargestEigenvalue


def test_lanczos_finds_the_largest_eigenvalue(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of autograd's Hessian of each trial's loss in alpha: of half as many products, in three calls."""
    monkeypatch.setattr(curvature, "DIFFERENCE", 1e-6)
    monkeypatch.setattr(curvature, "PRODUCTS", 8)
    found = double_search("darts", {}, {}, operations="good")
    state, batch = found.state, found.validation[0]
    eigenvalue = LargestEigenvalue(state)
    value = [eigenvalue(batch) for _ in range(3)][-1]
    for trial in range(2):

        def loss(alpha: torch.Tensor, trial: int = trial) -> torch.Tensor:
            whole = state.alpha.clone()
            whole[trial] = alpha.view(whole[trial].shape)
            return plain_losses(state, state.weights, whole.softmax(dim=2), batch)[trial]

        hessian = torch.autograd.functional.hessian(loss, state.alpha[trial].flatten())
        torch.testing.assert_close(value[trial], torch.linalg.eigvalsh(hessian)[-1], rtol=0.02, atol=0)
