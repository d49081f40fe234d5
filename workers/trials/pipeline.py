"""A trial from its specification to its outcome: search, discretise, retrain. Pure functions."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import torch

from spaces.errors import DeviceError, InvalidValueError
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.trial import InverseTrial
from spaces.trial import COMPLETED, DIVERGED, TrialOutcome
from workers.kernels import kernel_of
from workers.trials.group import TrialGroup
from workers.trials.retrain import retrain
from workers.trials.search import search


def run_trial(spec: InverseTrial, *, device: str = "cpu", kernel: str = "auto") -> TrialOutcome:
    """Runs one trial; see :func:`run_trials`."""
    return run_trials([spec], device=device, kernel=kernel)[0]


def run_trials(specs: Sequence[InverseTrial], *, device: str = "cpu", kernel: str = "auto") -> list[TrialOutcome]:
    """Runs trials of equal ``shape`` as one batch; each gives the numbers it would give alone.

    The numbers depend on the specification, the kind of device and the number of threads, and neither on global
    random state nor on the other trials of the batch. A trial that diverges does not disturb the others.

    Args:
        specs: What is asked; they differ in seed and hyperparameters only.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        kernel: ``auto``, ``torch`` or ``fused``.

    Returns:
        The outcomes, in the same order. ``search_s`` and ``retrain_s`` are a trial's share of the batch's time.

    Raises:
        InvalidValueError: If the trials cannot share a batch.
        UnknownNameError: For an unknown kernel.
        DeviceError: If there is no such device.
    """
    specs = list(specs)
    if not specs:
        return []
    if any(spec.shape != specs[0].shape for spec in specs):
        raise InvalidValueError("trials of different shapes cannot share a batch: group them by InverseTrial.shape")
    name = device_name(device)
    # What torch does on "the current device" (streams, graphs, generators) has to be where the tensors are.
    with contextlib.nullcontext() if device == "cpu" else torch.cuda.device(device):
        return _outcomes(specs, name, device, kernel)


def _outcomes(specs: Sequence[InverseTrial], name: str, device: str, kernel: str) -> list[TrialOutcome]:
    """:func:`run_trials` of at least one trial, on a device that exists and is the current one."""
    group, first = TrialGroup.of(specs, device, kernel), specs[0]
    curves = group.curves
    one_shot: list[float | None] = [None] * len(specs)
    extras: list[dict[str, float]] = [{} for _ in specs]
    architectures: list[Architecture | None]
    kernels, search_s, retrain_s = [], 0.0, 0.0

    start = time.perf_counter()
    if first.architecture is not None:
        architectures = [Architecture.parse(first.architecture)] * len(specs)
    else:
        found = search(group)
        one_shot, architectures, extras = found.one_shot_score, found.architecture, found.extras
        kernels.append(found.kernel)
        search_s = (time.perf_counter() - start) / len(specs)

    start = time.perf_counter()
    retrained: list[float | None] = [None] * len(specs)
    going = [trial for trial, architecture in enumerate(architectures) if architecture is not None]
    if going and (first.retrain or first.architecture is not None):
        part = group.part(going)
        result = retrain(part, [architecture for architecture in architectures if architecture is not None])
        curves.put(going, part.curves)
        kernels.append(result.kernel)
        for trial, psnr_db in zip(going, result.architecture_score, strict=True):
            retrained[trial] = psnr_db
        retrain_s = (time.perf_counter() - start) / len(going)

    outcomes = []
    for trial, architecture in enumerate(architectures):
        size = None
        if architecture is not None:
            size = group.discrete(architecture).layout.size
        outcomes.append(
            TrialOutcome(
                status=COMPLETED if curves.messages[trial] is None else DIVERGED,
                one_shot_score=one_shot[trial],
                architecture_score=retrained[trial],
                architecture=None if architecture is None else str(architecture),
                parameters=size,
                epochs=tuple(curves.epochs[trial]),
                kernel=kernel_of(kernels),
                device=name,
                search_s=search_s,
                retrain_s=retrain_s if trial in going else 0.0,
                message=curves.messages[trial],
                extras=extras[trial],
            )
        )
    return outcomes


def device_name(device: str) -> str:
    """``cpu``, or the name of the GPU.

    Raises:
        DeviceError: If there is no such device; the message lists those there are.
    """
    if device == "cpu":
        return "cpu"
    valid = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if device not in valid and not (device == "cuda" and len(valid) > 1):
        raise DeviceError(f"no device {device!r} on this machine: there are {', '.join(valid)}")
    return torch.cuda.get_device_name(device)
