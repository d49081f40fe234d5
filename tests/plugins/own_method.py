"""A plug-in with a method of DAS: Gumbel softmax that cools, no validation batches, the second best is kept."""

import torch

from spaces.inverse_1d.registries import METHODS, Method
from workers.methods.pieces import Moment, Relaxation, Update
from workers.methods.state import SearchState


class Gumbel(Relaxation):
    """softmax((alpha + Gumbel noise) / temperature), the temperature falling from 1 to 0.1."""

    def mix(self, alpha: torch.Tensor, moment: Moment) -> torch.Tensor:
        """See Relaxation.mix."""
        noise = -(-(moment.uniform(alpha) + 1e-10).log()).log()
        return ((alpha + noise) / (1 - 0.9 * moment.step / moment.steps)).softmax(dim=2)


class OneLevel(Update):
    """Alpha and the weights follow the gradient of the same training batch."""

    sees_validation = False

    def __init__(self, state: SearchState) -> None:
        self.state = state

    def step(self, training, validation):
        """See Update.step."""
        _, of_alpha = self.state.alpha_gradient(training)
        errors, of_weights = self.state.weight_gradient(training)
        self.state.apply_alpha(of_alpha)
        self.state.apply_weights(of_weights)
        return errors, None


def second_best(state: SearchState) -> torch.Tensor:
    """The operation with the second largest alpha."""
    return state.alpha.topk(2, dim=2).indices[..., 1]


METHODS["gumbel-one-level"] = Method(relaxation=Gumbel, update=OneLevel, selection=second_best)
