"""Seeds derived by name, so that no number depends on where or in which order it is drawn."""

from __future__ import annotations

import hashlib

from spaces.identity import ConfigurationId


def derive_seed(seed: int, *names: object) -> int:
    """Derives a seed in [0, 2**63) from a seed and a path of names (SHA-256 of their text).

    Equal arguments give equal seeds on every machine; any other argument gives an unrelated one.
    """
    text = "\x1f".join([str(int(seed)), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def evaluation_seed(run_seed: int, configuration_id: ConfigurationId, budget: float, replicate: int) -> int:
    """The seed of one evaluation: of the run's seed, the configuration, the budget and the replicate alone."""
    iteration, stage, number = configuration_id
    return derive_seed(run_seed, "evaluation", iteration, stage, number, repr(float(budget)), int(replicate))


def proposal_seed(run_seed: int, configuration_id: ConfigurationId) -> int:
    """The seed of the proposal of one configuration."""
    iteration, stage, number = configuration_id
    return derive_seed(run_seed, "proposal", iteration, stage, number)
