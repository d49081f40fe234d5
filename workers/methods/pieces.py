"""The interfaces of a method's pieces.

    weights(start)       -> weights, buffers    what the search begins with
    relaxation()         -> Relaxation          how alpha becomes mixing weights
    update(state)        -> Update              which steps a search takes, on which batches
    regulariser(alpha, moment) -> [T]           what is added to the loss of alpha
    selection(state)     -> indices             which operation each layer or edge keeps
    extras(state)        -> tensors by name     further numbers of each trial, at the end of the search, [T]

``state`` is a :class:`workers.methods.state.SearchState`. All tensors have the trial dimension T first, and nothing may
cross it: a trial gives the same numbers in a batch and alone.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.layout import Layout
from workers.trials.batches import Batch
from workers.trials.group import TrialGroup


class Moment(NamedTuple):
    """Where a search is, for relaxations that change with time or draw random numbers.

    Attributes:
        step: Steps taken, from 0; at the one-shot validation all of them.
        steps: Steps of the whole search.
        generators: One for each trial, derived from its seed.
        hyperparameters: The method's own, by name, as each trial has them ([T, 1, 1], to be multiplied by alpha): a
            number as it is, true and false as 1 and 0, text as its place among the hyperparameter's values.
    """

    step: int
    steps: int
    generators: Sequence[torch.Generator]
    hyperparameters: Mapping[str, Float[Tensor, "T 1 1"]] = MappingProxyType({})

    @property
    def progress(self) -> float:
        """The share of the search that is over: 0 at the first step, 1 at the one-shot validation."""
        return self.step / self.steps

    def uniform(self, like: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
        """Numbers in [0, 1), drawn by each trial from its own generator."""
        drawn = [torch.rand(like.shape[1:], generator=one, device=like.device) for one in self.generators]
        return torch.stack(drawn)


class Relaxation(abc.ABC):
    """How alpha becomes the weights that mix the candidate operations.

    Attributes:
        is_fixed: Whether ``mix`` is the same function of alpha at every step, and draws no random numbers: its steps
            may then be recorded as a CUDA graph. The hyperparameters of the moment do not change, and may be used.
        is_sampled: Whether ``mix`` draws the weights anew at every step. The running statistics of batch norm then
            belong to no one mix, and are estimated again for ``settled`` before the one-shot validation.
    """

    is_fixed = False
    is_sampled = False

    @abc.abstractmethod
    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """The mixing weights, differentiable in alpha."""

    def settled(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """The mixing weights of the one-shot validation; of a relaxation that draws them, what they tend to."""
        return self.mix(alpha, moment)

    def mix_and_pull_back(
        self, alpha: Float[Tensor, "T E O"], moment: Moment
    ) -> tuple[Float[Tensor, "T E O"], Callable[[Tensor], Tensor]]:
        """The mixing weights, and what makes the gradient of alpha from theirs; by default autograd does."""
        with torch.enable_grad():
            leaf = alpha.detach().requires_grad_()
            mix = self.mix(leaf, moment)
        return mix.detach(), lambda gradient: torch.autograd.grad(mix, leaf, gradient)[0]


class Update(abc.ABC):
    """The steps of one search.

    Attributes:
        sees_training: Whether its steps take a training batch.
        sees_validation: Whether its steps take a validation batch.
    """

    sees_training = True
    sees_validation = True

    @abc.abstractmethod
    def step(
        self, training: Batch | None, validation: Batch | None
    ) -> tuple[Float[Tensor, "T B"] | None, Float[Tensor, "T B"] | None]:
        """Takes one step.

        Args:
            training: Fresh samples; None unless ``sees_training``.
            validation: Other fresh samples; None unless ``sees_validation``.

        Returns:
            The mean squared errors of the samples of both, as the learning curves show them; None where there are none.
        """

    def finish(self) -> None:  # noqa: B027 - most updates have nothing to do
        """What follows the last step, before the one-shot validation; by default nothing."""


@dataclass(frozen=True)
class Start:
    """What the weights of a search are made from.

    Attributes:
        group: The trials, with their data formation, learning curves and device.
        layout: The relaxed network's.
    """

    group: TrialGroup
    layout: Layout
