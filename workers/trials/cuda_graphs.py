"""CUDA graphs around a training step: one launch in the place of some thousand.

On a GPU these small networks are bound by kernel launches. A step's kernels are the same every time, so they are
recorded once and replayed; what changes (the batch and the learning rates) is copied into the recorded step's tensors.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from workers.trials.batches import Batch

#: One optimisation step: takes a batch and the rates [T], changes parameters in place, returns the errors [T, B].
Step = Callable[[Batch, Tensor], Tensor]

#: Steps made without a graph before one is recorded: the first calls of a kernel allocate and choose algorithms.
EAGER_STEPS = 3

_log = logging.getLogger(__name__)


def replayed(step: Step, device: str) -> Step:
    """The step itself on the CPU; on a GPU, one that records it and replays the recording."""
    return Replayed(step) if device.startswith("cuda") else step


class Replayed:
    """A step that is recorded at its fourth call. Every call counts: none is made twice to warm up.

    The errors it returns are overwritten by the next call. It is made and called with the step's device as the
    current one.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._batch: Batch
        self._rate: Tensor
        self._errors: Tensor

    def __call__(self, batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        """Makes one step."""
        self._calls += 1
        if self._calls == EAGER_STEPS + 1:
            self._record(batch, rate)
        if self._graph is None:
            return self._eager(batch, rate)
        for kept, new in zip((*self._batch, self._rate), (*batch, rate), strict=True):
            if kept is not None and new is not None and kept.data_ptr() != new.data_ptr():
                kept.copy_(new)
        self._graph.replay()
        return self._errors

    def _eager(self, batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        """Makes the step without a graph, on the stream that will record: its memory is then ready."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            errors = self._step(batch, rate)
        current.wait_stream(self._stream)
        return errors

    def _record(self, batch: Batch, rate: Float[Tensor, " T"]) -> None:
        """Records the step, which computes nothing. If that fails, the steps are made without a graph."""
        graph = torch.cuda.CUDAGraph()
        # The noise has one tensor for all batches (see Batch); signals and rates are new ones every time.
        kept = Batch(batch.x.clone(), batch.y.clone(), batch.noise)
        kept_rate = rate.clone()
        torch.cuda.synchronize()
        try:
            with warnings.catch_warnings():
                # A graph of another device's stream would replay nothing, and say no more than this.
                warnings.filterwarnings("error", message=".*CUDA Graph is empty")
                with torch.cuda.graph(graph, stream=self._stream):
                    errors = self._step(kept, kept_rate)
        except (RuntimeError, UserWarning) as error:
            _log.warning("no CUDA graph, the steps go on without one: %s", str(error).splitlines()[0])
            return
        self._graph, self._batch, self._rate, self._errors = graph, kept, kept_rate, errors
