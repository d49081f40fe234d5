"""A plug-in with operations of every sort: of the state alone, with weights, and with a learned map and noise."""

import torch

from spaces.inverse_1d.operations import Inputs
from spaces.inverse_1d.registries import OPERATION_SETS, OPERATIONS, Operation


def flip(given: Inputs) -> torch.Tensor:
    """The state from its end to its begin."""
    return given.u.flip(-1)


def dilated(given: Inputs) -> torch.Tensor:
    """The state and a convolution with gaps, whose three weights are learned."""
    padded = torch.nn.functional.pad(given.u, (2, 2))
    count = given.u.shape[-1]
    taps = [given.weights[..., k, None, None] * padded[..., 2 * k : 2 * k + count] for k in range(3)]
    return given.u + taps[0] + taps[1] + taps[2]


def drowned(given: Inputs) -> torch.Tensor:
    """The learned map in noise."""
    return given.learned + 0.05 * given.noise


OPERATIONS["flip"] = Operation(flip)
OPERATIONS["dilated"] = Operation(dilated, weights=(3,))
OPERATIONS["drowned"] = Operation(drowned, learned_map=True, noise=True)
OPERATION_SETS["own"] = ("dilated", "net", "flip", "noise", "drowned")
