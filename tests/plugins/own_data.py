"""A plug-in with two data formations: a dense one, and a narrow one."""

import torch

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import DATA_FORMATIONS


def dense(choices: Choices) -> torch.Tensor:
    """Thirty random projections, the same ones always."""
    return torch.randn(30, 50, generator=torch.Generator().manual_seed(7), dtype=torch.float64) / 6


def difference(choices: Choices) -> torch.Tensor:
    """A sample and half of the one before it."""
    return torch.eye(50, dtype=torch.float64) + 0.5 * torch.eye(50, dtype=torch.float64).roll(-1, 1).tril(-1)


DATA_FORMATIONS["dense"] = dense
DATA_FORMATIONS["difference"] = difference
