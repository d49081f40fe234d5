"""Which implementation computes a network's forward and backward pass: plain torch, or the fused CPU kernels.

The contract with workers.trials.search and workers.trials.retrain is :func:`forward_for` alone.
"""

from __future__ import annotations

import abc
import functools
import logging
from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.network import Forward, Network

_log = logging.getLogger(__name__)

KERNELS = ("auto", "torch", "fused")


class Direct(abc.ABC):
    """A forward pass that makes the loss's gradient itself, with neither a graph nor the calls around it."""

    @abc.abstractmethod
    def __call__(
        self,
        weights: Float[Tensor, "T P"],
        buffers: Buffers,
        mix: Float[Tensor, "T E O"] | None,
        y: Float[Tensor, "T B n"],
        noise: Float[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> Float[Tensor, "T B N"]:
        """See :meth:`spaces.inverse_1d.network.Network.forward`."""

    @abc.abstractmethod
    def errors_and_gradient(
        self,
        weights: Float[Tensor, "T P"],
        buffers: Buffers,
        mix: Float[Tensor, "T E O"] | None,
        x: Float[Tensor, "T B N"],
        y: Float[Tensor, "T B n"],
        noise: Float[Tensor, "T E_noise B N"] | None,
        scale: float,
        to_mix: bool,
    ) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T P"] | Float[Tensor, "T E O"]]:
        """A forward pass in training mode, and the gradient of ``scale`` times the mean squared error.

        Returns:
            The mean squared error of each sample, and the gradient of the mix where ``to_mix``, else of the
            weights; both as autograd makes them from ``sample_errors``.
        """

    @abc.abstractmethod
    def errors_and_gradients(
        self,
        weights: Float[Tensor, "T P"],
        buffers: Buffers,
        mix: Float[Tensor, "T E O"] | None,
        x: Float[Tensor, "T B N"],
        y: Float[Tensor, "T B n"],
        noise: Float[Tensor, "T E_noise B N"] | None,
        scale: float,
    ) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T P"], Float[Tensor, "T E O"]]:
        """The same with both gradients, of the weights and of the mix, from one pass."""


def forward_for(network: Network, trials: int, device: str, kernel: str) -> tuple[Forward, str]:
    """The forward pass to use (see ``Network.forward``), and its name, ``torch`` or ``fused``.

    Args:
        network: The network.
        trials: Trials T of the batch.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        kernel: ``torch``; ``fused``: the CPU kernels, and torch for networks that they cannot compute, which is
            logged; ``auto``: the same on a CPU, torch elsewhere.

    Raises:
        UnknownNameError: For an unknown kernel.
        InvalidValueError: If ``fused`` is asked for on another device than a CPU.
    """
    if kernel not in KERNELS:
        raise UnknownNameError("kernel", kernel, KERNELS)
    if kernel == "torch":
        return network.forward, "torch"
    if device == "cpu":
        # numba takes half a second to import: only where it is used.
        from workers.kernels.fused import FusedForward, obstacle

        why = obstacle(network)
        if why is None:
            return FusedForward(network), "fused"
        _warn(why)
    elif kernel == "fused":
        raise InvalidValueError(f"no fused kernel for this network on {device}: ask for the kernel auto or torch")
    return network.forward, "torch"


@functools.cache
def _warn(why: str) -> None:
    """Says once in a process why the fused kernels are not used."""
    _log.warning("torch computes what the fused kernels cannot: %s", why)


def kernel_of(parts: Iterable[str]) -> str:
    """The kernel of a whole trial: ``fused`` only where all parts of it were."""
    return "fused" if set(parts) == {"fused"} else "torch"


def prepare(device: str, kernel: str) -> None:
    """Compiles what trials will need, or loads it from disk, so that no trial's time has it; a GPU needs nothing.

    The first time on a machine takes some 15 s of a core, any other a fraction of a second.
    """
    if device != "cpu":
        return
    from workers.kernels import adam, fused, noise

    adam.compiled()
    noise.compiled()
    if kernel != "torch":
        fused.compiled()
