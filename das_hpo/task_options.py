"""Settings of ``inverse-1d`` that have an option of their own, beside ``--set``: the one list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spaces.inverse_1d.registries import DATA_FORMATIONS, METHODS, OPERATION_SETS, SEARCH_SPACES


@dataclass(frozen=True, slots=True)
class TaskOption:
    """One of them.

    Attributes:
        meaning: What its words mean, for the help.
        registry: Where its words are; a plug-in may add others.
        several: Whether ``evaluate`` and ``baseline`` take several values of it, which make several campaigns.
    """

    meaning: str
    registry: Mapping[str, object]
    several: bool = True

    @property
    def default(self) -> str:
        """The word that the task takes if none is given."""
        return next(iter(self.registry))

    @property
    def words(self) -> str:
        """All words, for the help."""
        return f"{', '.join(self.registry)}, or that of a --plugin"


TASK_OPTIONS: dict[str, TaskOption] = {
    "space": TaskOption("the architectures: sequential has 10 layers, cell has 2 cells of 15 edges", SEARCH_SPACES),
    "operations": TaskOption(
        "what a layer or edge chooses from: good is learnable-gradient and net, all adds roll and noise",
        OPERATION_SETS,
    ),
    "data": TaskOption(
        "the data formation: blur, or downsampling, which is blur and every 4th sample", DATA_FORMATIONS
    ),
    "method": TaskOption(
        "das, or das-single, which learns alpha alone on pre-trained networks and tunes its 5 hyperparameters",
        METHODS,
        several=False,
    ),
}
