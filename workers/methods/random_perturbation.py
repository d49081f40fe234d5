"""The update of SDARTS-RS (Chen, Hsieh, ICML 2020, Eq. 6, left): random smoothing, delta uniform within epsilon."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.perturbation import PerturbedWeights, onto_simplex
from workers.trials.batches import Batch


class RandomPerturbation(PerturbedWeights):
    """Perturbs at random."""

    def perturbed(self, batch: Batch, mix: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        """See :meth:`PerturbedWeights.perturbed`."""
        return onto_simplex(mix + self.noise(mix))
