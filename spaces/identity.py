"""Which configuration: the one identity that optimisers, queue, storage and reports share."""

from __future__ import annotations

from typing import NamedTuple


class ConfigurationId(NamedTuple):
    """A configuration's id within its run, as hpbandster counts; a plain tuple of the same numbers equals it.

    Attributes:
        iteration: Number of the bracket, from 0.
        stage: Rung of the bracket at which the configuration joined it; above 0 it replaces a failed configuration.
        number: Counted from 0 within bracket and stage.
    """

    iteration: int
    stage: int
    number: int

    def __str__(self) -> str:
        """As users read it: ``iteration-stage-number``."""
        return f"{self.iteration}-{self.stage}-{self.number}"
