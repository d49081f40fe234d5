"""Whole trials, slow and obvious: one trial, one edge at a time, torch's own layers and optimisers, a dense A.

What it shares with the code is what a trial is defined by: its streams of random numbers and initial values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from spaces.inverse_1d.trial import InverseTrial
from workers.trials.batches import Batches, generators

#: Operations with a learned map, in the order of the maps of one edge; those with noise; shapes of own weights.
MAPS = ("learnable-gradient", "net", "drowned")
NOISY = ("noise", "drowned")
OWN = {"dilated": 3}

Relax = Callable[[Tensor, int], Tensor]


class SlowNetwork:
    """A network of one trial, its weights in one flat vector as the documentation orders them.

    Args:
        spec: The trial.
        edges: The operations of each edge.
        matrix: A, float32.
    """

    def __init__(self, spec: InverseTrial, edges: Sequence[tuple[str, ...]], matrix: Tensor) -> None:
        self.spec, self.edges, self.matrix = spec, edges, matrix
        self.maps = [(edge, name) for edge, names in enumerate(edges) for name in MAPS if name in names]
        self.noises = [(edge, name) for edge, names in enumerate(edges) for name in NOISY if name in names]
        self.owns = [(edge, name) for edge, names in enumerate(edges) for name in OWN if name in names]
        channels = spec.choices.channels
        self.mean, self.var = torch.zeros(len(self.maps), channels), torch.ones(len(self.maps), channels)
        self.merges = {"cell": 2, "small-cell": 3}.get(spec.space, 0)

    def parts(self, flat: Tensor) -> dict[str, Tensor]:
        """The flat weights cut up."""
        M, C, G = len(self.maps), self.spec.choices.channels, self.merges
        shapes: dict[str, tuple[int, ...]] = {
            "conv1": (M, C, 3), "gamma": (M, C), "beta": (M, C), "conv2": (M, C, 3), "bias": (M,),
            "merge": (G, 2, 1), "merge_bias": (G,),
        }  # fmt: skip
        shapes.update({f"own {edge} {name}": (OWN[name],) for edge, name in self.owns})
        sizes = [torch.Size(shape).numel() for shape in shapes.values()]
        assert sum(sizes) == len(flat)
        pieces = zip(shapes.items(), flat.split(sizes), strict=True)
        return {name: piece.view(shape) for (name, shape), piece in pieces}

    def __call__(self, flat: Tensor, mix: Tensor | None, y: Tensor, noise: Tensor | None, training: bool) -> Tensor:
        """x_hat [B, N]."""
        parts, u0 = self.parts(flat), y @ self.matrix

        def edge(index: int, u: Tensor) -> Tensor:
            values = [self.operation(name, index, u, u0, parts, noise, training) for name in self.edges[index]]
            return values[0] if mix is None else sum(w * v for w, v in zip(mix[index], values, strict=True))

        if self.spec.space == "sequential":
            u = u0
            for layer in range(10):
                u = edge(layer, u)
            return u0 + u
        if self.spec.space == "skip":
            states = [u0]
            for layer in range(4):
                states.append(edge(layer, sum(states) / len(states)))
            return states[-1]
        u, index = u0, 0
        for cell in range(self.merges):
            states = [u]
            while index < len(self.edges) * (cell + 1) // self.merges:
                states.append(sum(edge(index + source, state) for source, state in enumerate(states)))
                index += len(states) - 1
            weight = parts["merge"][cell, :, 0]
            u = weight[0] * states[-2] + weight[1] * states[-1] + parts["merge_bias"][cell]
        return u

    def operation(
        self,
        name: str,
        edge: int,
        u: Tensor,
        u0: Tensor,
        parts: dict[str, Tensor],
        noise: Tensor | None,
        training: bool,
    ) -> Tensor:
        """One operation of one edge."""
        choices = self.spec.choices
        step = u - choices.tau * ((u @ self.matrix.T) @ self.matrix - u0)
        learned = drawn = torch.zeros(())
        if name in MAPS:
            m = self.maps.index((edge, name))
            h = functional.conv1d(u[:, None], parts["conv1"][m][:, None], padding=1)
            mean, var = self.mean[m], self.var[m]
            h = functional.batch_norm(h, mean, var, parts["gamma"][m], parts["beta"][m], training=training)
            learned = functional.conv1d(h.relu(), parts["conv2"][m][None], parts["bias"][m : m + 1], padding=1)[:, 0]
        if name in NOISY:
            assert noise is not None
            drawn = noise[self.noises.index((edge, name))]
        if name == "dilated":
            w = parts[f"own {edge} {name}"]
            return u + functional.conv1d(u[:, None], w[None, None], padding=2, dilation=2)[:, 0]
        return {
            "learnable-gradient": lambda: step - choices.tau * learned,
            "net": lambda: learned,
            "roll": lambda: torch.roll(u, (1, 1), (0, 1)),
            "noise": lambda: step + choices.layer_noise_sigma * drawn,
            "zero": lambda: torch.zeros_like(u),
            "flip": lambda: u.flip(1),
            "drowned": lambda: learned + 0.05 * drawn,
        }[name]()


def stream(net: SlowNetwork, formation: Any, name: str, count: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Batches of one trial: x, y, noise."""
    spec, slots = net.spec, len(net.noises)
    batches = Batches(formation, [spec.seed], name, spec.choices.batch_size, [range(slots)], slots, "cpu")
    for batch in batches.draw(count):
        yield batch.x[0], batch.y[0], None if batch.noise is None else batch.noise[0].clone()


def score(net: SlowNetwork, formation: Any, flat: Tensor, mix: Tensor | None, name: str) -> float:
    """PSNR in dB on 19 fresh batches."""
    found = []
    for x, y, noise in stream(net, formation, name, 19):
        errors = (net(flat, mix, y, noise, False) - x).square().mean(dim=1)
        found.append((-10 * errors.log10()).mean())
    return float(torch.stack(found).mean())


def slow_search(
    net: SlowNetwork,
    formation: Any,
    flat: Tensor,
    alpha: Tensor,
    relax: Relax,
    *,
    one_level: bool = False,
    pull: float = 0.0,
) -> tuple[float, Tensor]:
    """The one-shot PSNR and alpha after a search of gradient descent on alpha and Adam on the weights.

    After each step alpha is multiplied by ``1 - pull``.
    """
    spec, point = net.spec, net.spec.hyperparameters
    flat, alpha = torch.nn.Parameter(flat), torch.nn.Parameter(alpha)
    weights = torch.optim.Adam(
        [flat], lr=point.parameter_learning_rate, weight_decay=point.parameter_weight_decay, foreach=False
    )
    alphas = torch.optim.SGD(
        [alpha], lr=point.alpha_learning_rate, weight_decay=point.alpha_weight_decay, foreach=False
    )

    def gradient(parameter: Tensor, batch: tuple[Tensor, Tensor, Tensor | None], step: int) -> None:
        x, y, noise = batch
        loss = spec.choices.loss_scale * (net(flat, relax(alpha, step), y, noise, True) - x).square().mean()
        (parameter.grad,) = torch.autograd.grad(loss, parameter)

    validation = stream(net, formation, "search-validation", spec.steps)
    for step, batch in enumerate(stream(net, formation, "search-training", spec.steps)):
        gradient(alpha, batch if one_level else next(validation), step)
        if not one_level:
            alphas.step()
        gradient(flat, batch, step)
        if one_level:
            alphas.step()
        weights.step()
        alpha.data *= 1 - pull
    with torch.no_grad():
        return score(net, formation, flat, relax(alpha, spec.steps), "one-shot-validation"), alpha.detach()


def slow_retrain(net: SlowNetwork, formation: Any, flat: Tensor) -> float:
    """The architecture's PSNR after a training from scratch."""
    spec, point = net.spec, net.spec.hyperparameters
    flat = torch.nn.Parameter(flat)
    optimizer = torch.optim.Adam(
        [flat], lr=point.parameter_learning_rate, weight_decay=point.parameter_weight_decay, foreach=False
    )
    for x, y, noise in stream(net, formation, "retrain-training", spec.steps):
        loss = spec.choices.loss_scale * (net(flat, None, y, noise, True) - x).square().mean()
        if len(flat):
            (flat.grad,) = torch.autograd.grad(loss, flat)
            optimizer.step()
    with torch.no_grad():
        return score(net, formation, flat, None, "retrain-validation")


def gumbel(seed: int, steps: int) -> Relax:
    """The relaxation of own_method.py, which draws anew at every call."""
    (generator,) = generators([seed], "cpu", "relaxation")

    def relax(alpha: Tensor, step: int) -> Tensor:
        uniform = torch.rand(alpha.shape, generator=generator)
        return torch.softmax((alpha - torch.log(-torch.log(uniform + 1e-10))) / (1 - 0.9 * step / steps), dim=1)

    return relax
