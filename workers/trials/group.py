"""Trials of equal shape that are computed together, and what they are computed with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation, data_formation
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.network import Forward, Network
from spaces.inverse_1d.networks import discrete_network, relaxed_network, shared_network
from spaces.inverse_1d.trial import InverseTrial
from workers.kernels import forward_for
from workers.trials.batches import Batches
from workers.trials.curves import Curves


@dataclass(frozen=True)
class TrialGroup:
    """Trials of equal shape: what search, training and validation are given in one piece.

    Attributes:
        specs: The trials; they differ in seed and hyperparameters only.
        formation: Their data formation, on ``device``.
        curves: Takes the learning curves, and which trials have diverged.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        kernel: ``auto``, ``torch`` or ``fused``.
    """

    specs: Sequence[InverseTrial]
    formation: DataFormation
    curves: Curves
    device: str = "cpu"
    kernel: str = "auto"

    @classmethod
    def of(cls, specs: Sequence[InverseTrial], device: str = "cpu", kernel: str = "auto") -> TrialGroup:
        """The trials with their data formation and empty learning curves."""
        formation = data_formation(specs[0].data, specs[0].choices, device)
        return cls(specs, formation, Curves(len(specs)), device, kernel)

    def __len__(self) -> int:
        """How many trials."""
        return len(self.specs)

    @property
    def first(self) -> InverseTrial:
        """The first trial, for what all of them share."""
        return self.specs[0]

    @property
    def choices(self) -> Choices:
        """What the paper leaves open; the same for all."""
        return self.first.choices

    @property
    def steps(self) -> int:
        """Optimisation steps of a search, and of a training."""
        return self.first.steps

    def part(self, trials: Sequence[int]) -> TrialGroup:
        """Some of the trials, with their learning curves so far; ``curves.put`` takes those back."""
        return replace(self, specs=[self.specs[trial] for trial in trials], curves=self.curves.part(list(trials)))

    def batches(self, name: str, layout: Layout, noise_slots: Sequence[Sequence[int]] | None = None) -> Batches:
        """Mini-batches of the stream of that name; by default every trial draws all noise of the layout."""
        edges = len(layout.noise_index)
        slots = [range(edges)] * len(self) if noise_slots is None else noise_slots
        seeds = [spec.seed for spec in self.specs]
        return Batches(self.formation, seeds, name, self.choices.batch_size, slots, edges, self.device)

    def forward_of(self, network: Network) -> tuple[Forward, str]:
        """The network's forward pass, and the name of the kernel that computes it."""
        return forward_for(network, len(self), self.device, self.kernel)

    def relaxed(self) -> Network:
        """The network of the search."""
        return relaxed_network(self.first.space, self.first.operations, self.formation, self.choices)

    def discrete(self, architecture: Architecture) -> Network:
        """The network of an architecture."""
        return discrete_network(architecture, self.formation, self.choices)

    def shared(self) -> Network:
        """One network for different architectures, which a one-hot mix tells apart."""
        return shared_network(self.first.space, self.first.operations, self.formation, self.choices)
