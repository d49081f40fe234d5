"""The update of SDARTS-ADV (Chen, Hsieh, ICML 2020, Eq. 6, right): delta raises the training loss as far as it can.

    delta <- P(delta + 2 epsilon / K sign(grad_delta L_train(w, softmax(alpha) + delta))),    K times

from a random start; P clips to epsilon. K is ``attack_steps`` (the authors: 7). The attack ascends, and on the training
batch of the step: one that descends, or attacks other data, is no adversary (both faults have been published). As in
the authors' code, a delta that does not raise the loss is dropped. The loss has batch statistics, as that of the step.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.perturbation import PerturbedWeights, onto_simplex
from workers.trials.batches import Batch


class AdversarialPerturbation(PerturbedWeights):
    """Perturbs against the weights."""

    def perturbed(self, batch: Batch, mix: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        """See :meth:`PerturbedWeights.perturbed`."""
        epsilon, steps = self.epsilon, self.state.hyperparameters["attack_steps"]
        found = onto_simplex(mix + self.noise(mix))
        for taken in range(int(steps.max())):
            _, gradient = self.state.mix_gradient(batch, found)
            ahead = found + 2 * epsilon / steps.clamp_min(1) * gradient.sign()
            within = mix + torch.minimum(torch.maximum(ahead - mix, -epsilon), epsilon)
            found = torch.where(taken < steps, onto_simplex(within), found)
        is_lower = self.state.loss(batch, found) < self.state.loss(batch, mix)
        return torch.where(is_lower[:, None, None], mix, found)
