"""The linear operators A of y = A x + n, and the signals they are applied to (section 5.1).

Signals have the trial dimension first: x is [T, B, N], y is [T, B, n] with N = 50 positions and
n measurements (50 for blur, 13 for downsampling).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from spaces.errors import InvalidValueError
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import data_matrix

#: Positions of a signal (section 5.1).
POSITIONS = 50

#: Taps of the Gaussian blur (section 5.1).
BLUR_TAPS = 7

#: Downsampling keeps one sample in this many (section 5.1).
DOWNSAMPLING_FACTOR = 4


def axis() -> Float64[Tensor, " N"]:
    """The positions omega_i: equally spaced on [-pi/2, pi/2], ends included."""
    return torch.linspace(-math.pi / 2, math.pi / 2, POSITIONS, dtype=torch.float64)


def blur_taps(sigma: float, unit: str) -> Float64[Tensor, " taps"]:
    """The normalised taps of the Gaussian blur.

    Args:
        sigma: Standard deviation of the Gaussian in ``unit``.
        unit: ``omega`` (units of the axis) or ``samples``.
    """
    spacing = math.pi / (POSITIONS - 1) if unit == "omega" else 1.0
    offsets = torch.arange(BLUR_TAPS, dtype=torch.float64) - BLUR_TAPS // 2
    taps = torch.exp(-0.5 * (offsets * spacing / sigma) ** 2)
    return taps / taps.sum()


def blur_matrix(taps: Float[Tensor, " taps"]) -> Float[Tensor, "N N"]:
    """The blur with zero padding as a banded matrix."""
    half = len(taps) // 2
    matrix = torch.zeros(POSITIONS, POSITIONS, dtype=taps.dtype)
    for offset, tap in enumerate(taps, start=-half):
        matrix += torch.diag(tap.expand(POSITIONS - abs(offset)), offset)
    return matrix


@dataclass(frozen=True)
class DataFormation:
    """A linear operator A and the level of the noise added to its result.

    Attributes:
        name: Its name in the registry.
        matrix: A as a dense matrix, float32.
        normal_matrix: A'A, float32.
        noise_sigma: Standard deviation of the measurement noise n.
    """

    name: str
    matrix: Float[Tensor, "n N"]
    normal_matrix: Float[Tensor, "N N"]
    noise_sigma: float

    @cached_property
    def bandwidth(self) -> int:
        """Greatest distance from the diagonal at which A'A is not zero (6 for the seven taps of a blur)."""
        rows, columns = self.normal_matrix.nonzero(as_tuple=True)
        return int((rows - columns).abs().max()) if len(rows) else 0

    def A(self, x: Float[Tensor, "*batch N"]) -> Float[Tensor, "*batch n"]:  # noqa: N802 - the paper's letter
        """Measures without noise."""
        return x @ self.matrix.T

    def A_adjoint(self, y: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch N"]:  # noqa: N802 - the paper's letter
        """The adjoint A'."""
        return y @ self.matrix

    def to(self, device: torch.device | str) -> DataFormation:
        """The same operator with its matrices on another device."""
        matrices = (self.matrix.to(device), self.normal_matrix.to(device))
        return DataFormation(self.name, *matrices, self.noise_sigma)


def blur(choices: Choices) -> Float64[Tensor, "n N"]:
    """The Gaussian blur with zero padding."""
    return blur_matrix(blur_taps(choices.blur_sigma, choices.blur_unit))


def downsampling(choices: Choices) -> Float64[Tensor, "n N"]:
    """The same blur, of which every fourth sample is kept."""
    return blur(choices)[::DOWNSAMPLING_FACTOR]


def data_formation(name: str, choices: Choices | None = None, device: torch.device | str = "cpu") -> DataFormation:
    """The data formation of that name.

    Raises:
        UnknownNameError: Lists the data formations.
        InvalidValueError: If it does not make a matrix that signals can be multiplied by.
    """
    choices = choices or Choices()
    matrix = torch.as_tensor(data_matrix(name, choices), dtype=torch.float64)
    if matrix.dim() != 2 or matrix.shape[1] != POSITIONS or len(matrix) == 0 or not bool(matrix.isfinite().all()):
        raise InvalidValueError(
            f"the data formation {name!r} must make a matrix [measurements, {POSITIONS}] of finite numbers, "
            f"got the shape {list(matrix.shape)}"
        )
    normal = matrix.T @ matrix
    return DataFormation(name, matrix.float(), normal.float(), choices.noise_sigma).to(device)


def draw_signals(generator: torch.Generator, batches: int, samples: int) -> Float32[Tensor, "batches samples N"]:
    """Draws x_i = cos(f omega_i + O_x) + O_y, f ~ U[0, 2 pi], O_x, O_y ~ N(0, 1).

    The signals are made on the generator's device; in memory the samples come last.
    """
    device = generator.device
    f = 2 * math.pi * torch.rand(batches, 1, samples, generator=generator, device=device)
    offsets = torch.randn(2, batches, 1, samples, generator=generator, device=device)
    omega = axis().to(device, torch.float32)[:, None]
    return (torch.cos(f * omega + offsets[0]) + offsets[1]).transpose(1, 2)


def draw_measurements(
    formation: DataFormation, x: Float[Tensor, "*batch N"], generator: torch.Generator
) -> Float[Tensor, "*batch n"]:
    """Draws y = A x + n, n ~ N(0, noise_sigma^2)."""
    clean = formation.A(x)
    noise = torch.randn(clean.shape, generator=generator, device=clean.device)
    return clean + formation.noise_sigma * noise
