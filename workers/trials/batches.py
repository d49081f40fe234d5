"""Mini-batches of a batch of trials: every trial draws from generators of its own, derived from its seed by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from spaces.inverse_1d.data_formation import POSITIONS, DataFormation, draw_measurements, draw_signals
from spaces.seeds import derive_seed


def generators(seeds: Sequence[int], device: str, *names: str) -> list[torch.Generator]:
    """A generator for each seed, for the stream of that name."""
    return [torch.Generator(device).manual_seed(derive_seed(seed, *names)) for seed in seeds]


@runtime_checkable
class NoiseStream(Protocol):
    """A stream of standard normal numbers."""

    def fill(self, out: Float32[Tensor, " ..."]) -> None:
        """Overwrites a contiguous tensor with the stream's next numbers."""


class _TorchStream:
    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def fill(self, out: Float32[Tensor, " ..."]) -> None:
        torch.randn(out.shape, generator=self._generator, out=out)


def noise_streams(seeds: Sequence[int], device: str, *names: str) -> list[NoiseStream]:
    """A stream of normal numbers for each seed and that name: on the CPU a kernel's, elsewhere torch's."""
    if device != "cpu":
        return [_TorchStream(generator) for generator in generators(seeds, device, *names)]
    from workers.kernels.noise import NormalStream

    return [NormalStream(derive_seed(seed, *names)) for seed in seeds]


class Batch(NamedTuple):
    """One mini-batch of every trial.

    Attributes:
        x: Signals.
        y: Measurements.
        noise: Standard normal numbers for the noise operations; None where there are none.
            The next batch overwrites it.
    """

    x: Float[Tensor, "T B N"]
    y: Float[Tensor, "T B n"]
    noise: Float[Tensor, "T E_noise B N"] | None


class Batches:
    """Draws fresh mini-batches without end, an epoch at a time.

    Args:
        formation: The data formation, on ``device``.
        seeds: One for each trial.
        name: The stream, for example ``search-training``.
        samples: Batch size B.
        noise_slots: For each trial, where along the noise tensor's axis it draws noise. What a trial draws depends
            on how many slots it has, not on which or on the other trials.
        noise_edges: Length of that axis.
        device: Where the numbers are drawn.
    """

    def __init__(
        self,
        formation: DataFormation,
        seeds: Sequence[int],
        name: str,
        samples: int,
        noise_slots: Sequence[Sequence[int]],
        noise_edges: int,
        device: str,
    ) -> None:
        self._formation = formation
        self._samples = samples
        self._signals = generators(seeds, device, name, "signals")
        self._noises = noise_streams(seeds, device, name, "layer-noise")
        self._slots = [list(slots) for slots in noise_slots]
        # In memory the samples come last, as the kernels read them.
        shape = (len(seeds), noise_edges, POSITIONS, samples)
        self._noise = torch.zeros(shape, device=device) if noise_edges else None

    def draw(self, count: int) -> Iterator[Batch]:
        """The next ``count`` mini-batches."""
        signals = [draw_signals(generator, count, self._samples).transpose(1, 2) for generator in self._signals]
        x = torch.stack(signals).transpose(2, 3)  # [T, count, B, N]
        y = torch.stack(
            [draw_measurements(self._formation, *pair) for pair in zip(x, self._signals, strict=True)]
        )  # [T, count, B, n]
        for step in range(count):
            yield Batch(x[:, step], y[:, step], self._draw_noise())

    def _draw_noise(self) -> Float[Tensor, "T E_noise B N"] | None:
        if self._noise is None:
            return None
        for noise, slots, stream in zip(self._noise, self._slots, self._noises, strict=True):
            if len(slots) == len(noise):
                stream.fill(noise)
            elif slots:
                drawn = torch.empty_like(noise[: len(slots)])
                stream.fill(drawn)
                noise[slots] = drawn
        return self._noise.transpose(2, 3)
