"""The search: weights and alpha are learned as the method says, and an architecture is chosen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int
from torch import Tensor

from spaces.errors import InvalidValueError
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.registries import METHODS, Method, edge_count, entry
from spaces.inverse_1d.trial import BATCHES_PER_EPOCH, InverseTrial
from spaces.references import resolve
from workers.methods.pieces import Start, Update
from workers.methods.state import SearchState
from workers.trials.batches import Batches, generators
from workers.trials.curves import Curves, Meter
from workers.trials.group import TrialGroup
from workers.trials.training import epoch_lengths
from workers.trials.validation import validate

#: Batches of which running statistics are estimated again: what was before counts 0.9^38, or 2 %.
STATISTICS_BATCHES = 2 * BATCHES_PER_EPOCH


@dataclass(frozen=True)
class Found:
    """What the search gave, for each trial of the batch.

    Attributes:
        one_shot_score: PSNR of the relaxed network in dB; None if the trial diverged.
        architecture: The operation chosen everywhere; None if the trial diverged.
        kernel: ``torch`` or ``fused``.
        extras: Further numbers that the method gives, by name; none if the trial diverged.
    """

    one_shot_score: list[float | None]
    architecture: list[Architecture | None]
    kernel: str
    extras: list[dict[str, float]]


def search(group: TrialGroup) -> Found:
    """Searches an architecture for every trial; what diverges is marked in the group's curves."""
    first, curves = group.first, group.curves
    method = entry("method", METHODS, first.method)
    network = group.relaxed()
    forward, used = group.forward_of(network)
    alpha = initial_alpha(group.specs, network.layout).to(group.device)
    weights = resolve(method.weights)(Start(group, network.layout))

    def batches(name: str) -> Batches:
        return group.batches(name, network.layout)

    relaxation = resolve(method.relaxation)()
    state = SearchState(group.specs, (network, forward), relaxation, weights, alpha, batches, group.device)
    state.regulariser = None if method.regulariser is None else resolve(method.regulariser)
    if not curves.all_diverged:
        update = resolve(method.update)(state)
        learn(state, update, curves)
        update.finish()
    scores = [float("nan")] * len(group)
    if not curves.all_diverged:
        mix = settle(state)
        scores = validate(forward, state.weights, state.buffers, mix, batches("one-shot-validation"))
    curves.check(scores, "one-shot validation")
    alive = [message is None for message in curves.messages]
    chosen = discretise(first, resolve(method.selection)(state)) if any(alive) else [None] * len(group)
    extras = further_numbers(method, state) if any(alive) else [{} for _ in alive]
    return Found(
        [score if ok else None for score, ok in zip(scores, alive, strict=True)],
        [architecture if ok else None for architecture, ok in zip(chosen, alive, strict=True)],
        used,
        [numbers if ok else {} for numbers, ok in zip(extras, alive, strict=True)],
    )


def learn(state: SearchState, update: Update, curves: Curves) -> None:
    """Takes the steps of the update over the trials' budget, on fresh batches."""
    training, validation = state.batches("search-training"), state.batches("search-validation")
    trials, device, scale = len(state.specs), str(state.alpha.device), state.loss_scale
    for epoch, length in enumerate(epoch_lengths(state.specs[0].steps), start=1):
        meters = Meter(trials, device), Meter(trials, device)
        drawn = zip(
            training.draw(length) if update.sees_training else itertools.repeat(None, length),
            validation.draw(length) if update.sees_validation else itertools.repeat(None, length),
            strict=True,
        )
        seen = [False, False]
        for pair in drawn:
            for which, (meter, errors) in enumerate(zip(meters, update.step(*pair), strict=True)):
                if errors is not None:
                    meter.add(scale * errors.mean(dim=1), errors)
                    seen[which] = True
            state.step += 1
        training_meter, validation_meter = (meter if there else None for meter, there in zip(meters, seen, strict=True))
        curves.add("search", epoch, training_meter, validation_meter, state.alpha)
        if curves.all_diverged:
            break


@torch.no_grad()
def settle(state: SearchState) -> Float32[Tensor, "T E O"]:
    """The mixing weights of the one-shot validation, after the running statistics have become theirs."""
    mix = state.settled_mix()
    if state.relaxation.is_sampled:
        for batch in state.batches("one-shot-statistics").draw(STATISTICS_BATCHES):
            state.forward(state.weights, state.buffers, mix, batch.y, batch.noise, True)
    return mix


@torch.no_grad()
def further_numbers(method: Method, state: SearchState) -> list[dict[str, float]]:
    """The extras of each trial, as the method gives them.

    Raises:
        InvalidValueError: If the method does not give one number for each trial.
    """
    found: list[dict[str, float]] = [{} for _ in state.specs]
    if method.extras is None:
        return found
    for name, values in resolve(method.extras)(state).items():
        numbers = torch.as_tensor(values)
        if numbers.shape != (len(found),):
            raise InvalidValueError(
                f"the extra {name!r} of the method {state.specs[0].method} must be a tensor [{len(found)}], one number "
                f"for each trial; got the shape {list(numbers.shape)}"
            )
        for extras, number in zip(found, numbers.tolist(), strict=True):
            extras[name] = float(number)
    return found


def initial_alpha(specs: Sequence[InverseTrial], layout: Layout) -> Float32[Tensor, "T E O"]:
    """Alpha's initial values: ``alpha_init_std`` times standard normal numbers."""
    shape = (len(layout.edges), len(layout.edges[0]))
    streams = generators([spec.seed for spec in specs], "cpu", "alpha")
    return specs[0].choices.alpha_init_std * torch.stack([torch.randn(shape, generator=stream) for stream in streams])


def discretise(spec: InverseTrial, chosen: Int[Tensor, "T E"]) -> list[Architecture]:
    """The architectures of the candidates that were chosen for each edge.

    Raises:
        InvalidValueError: If there is not one candidate for each edge.
    """
    candidates, edges = spec.candidates, edge_count(spec.space)
    rows = chosen.tolist()
    if any(len(row) != edges or not all(0 <= index < len(candidates) for index in row) for row in rows):
        raise InvalidValueError(
            f"the selection of the method {spec.method} must give, for each trial, {edges} indices below "
            f"{len(candidates)}; got {rows[0]}"
        )
    return [Architecture.of_edges(spec.space, [candidates[index] for index in row]) for row in rows]
