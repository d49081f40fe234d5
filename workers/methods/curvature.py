"""The largest eigenvalue of the validation loss's Hessian in alpha, which RobustDARTS watches (ICLR 2020).

Lanczos' method: in the space of v, Hv, H^2 v, ... the largest eigenvalue is found long before that space is the whole
one. The product is a central difference of the kernels' own gradients in alpha,

    H v = (grad_alpha L(alpha + h v) - grad_alpha L(alpha - h v)) / (2 h).

A call begins with the eigenvector of the last one, so few products are enough.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.state import SearchState
from workers.trials.batches import Batch

#: Products of a call; each takes two gradients.
PRODUCTS = 5

#: The length h of the difference.
DIFFERENCE = 0.01


class LargestEigenvalue:
    """Finds the eigenvalue of each trial."""

    def __init__(self, state: SearchState) -> None:
        self._state = state
        self._vector = state.moment.uniform(state.alpha).to(state.alpha) - 0.5

    def __call__(self, batch: Batch) -> Float[Tensor, " T"]:
        """The eigenvalue of the loss of that batch, with batch statistics; NaN for a trial that has diverged."""
        vector = self._vector
        basis: list[Tensor] = []
        products: list[Tensor] = []
        for _ in range(PRODUCTS):
            for _ in range(2):  # once leaves rounding errors
                for before in basis:
                    vector = vector - (before * vector).sum(dim=(1, 2), keepdim=True) * before
            basis.append(_unit(vector))
            vector = self.product(batch, basis[-1])
            products.append(vector)
        space, images = torch.stack(basis, dim=1), torch.stack(products, dim=1)  # [T, K, E, O]
        small = space.flatten(2) @ images.flatten(2).transpose(1, 2)
        known = small.isfinite().all(dim=2).all(dim=1)
        values, vectors = torch.linalg.eigh(torch.where(known[:, None, None], small + small.transpose(1, 2), 0.0) / 2)
        self._vector = (vectors[:, :, -1, None, None] * space).sum(dim=1)
        return torch.where(known, values[:, -1], torch.nan)

    def product(self, batch: Batch, vector: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        """H v."""
        ahead, behind = (self._gradient(batch, self._state.alpha + side * DIFFERENCE * vector) for side in (1, -1))
        return (ahead - behind) / (2 * DIFFERENCE)

    def _gradient(self, batch: Batch, alpha: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        mix, pull_back = self._state.relaxation.mix_and_pull_back(alpha, self._state.moment)
        gradient: Tensor = pull_back(self._state.mix_gradient(batch, mix)[1])
        return gradient


def _unit(vector: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
    """Each trial's vector at length 1; of length 0 it stays."""
    length = vector.flatten(1).norm(dim=1).clamp_min(torch.finfo(vector.dtype).tiny)
    unit: Tensor = vector / length[:, None, None]
    return unit
