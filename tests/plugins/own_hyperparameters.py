"""A plug-in with methods that bring hyperparameters and a further number of each trial."""

import dataclasses

import torch

from spaces.inverse_1d.registries import METHODS, OwnHyperparameter
from workers.methods.alternating import AlternatingFirstOrder
from workers.methods.pieces import Moment, Relaxation
from workers.methods.state import SearchState


class Tempered(Relaxation):
    """softmax(alpha / temperature), or of the negative where the hyperparameter ``sign`` says so."""

    is_fixed = True

    def mix(self, alpha: torch.Tensor, moment: Moment) -> torch.Tensor:
        """See Relaxation.mix."""
        own = moment.hyperparameters
        return (alpha * (1 - 2 * own["sign"]) / own["temperature"]).softmax(dim=2)


class Pulled(AlternatingFirstOrder):
    """The steps of DARTS, after each of which alpha is pulled towards 0."""

    def step(self, training, validation):
        """See Update.step."""
        errors = super().step(training, validation)
        self._state.alpha.mul_(1 - self._state.hyperparameters["pull"])
        return errors


def entropy(state: SearchState) -> dict[str, torch.Tensor]:
    """The mean entropy of an edge's mixing weights, in nats."""
    mix = state.mix()
    return {"mixing_entropy": -(mix * mix.log()).sum(dim=2).mean(dim=1)}


METHODS["tempered"] = dataclasses.replace(
    METHODS["das"],
    relaxation=Tempered,
    extras=entropy,
    hyperparameters={
        "temperature": OwnHyperparameter(1.0, low=0.01, high=10.0, log=True, source="this file"),
        "sign": OwnHyperparameter("plus", values=("plus", "minus")),
    },
)
METHODS["das-pulled"] = dataclasses.replace(
    METHODS["das"], update=Pulled, hyperparameters={"pull": OwnHyperparameter(0.0, low=0.0, high=0.5)}
)
