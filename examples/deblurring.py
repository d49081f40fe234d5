"""DAS for two-dimensional deblurring: an unrolled scheme whose layers choose what they do, scored by its PSNR.

    das-hpo run --task examples.deblurring:TASK --objective one-shot --min-budget 1 --max-budget 9 --workers 2

The images are patches of the two photographs that scikit-learn ships, in grey values of [0, 1]: one trains, the other
validates. A patch is blurred by a Gaussian and gets noise. Each of the layers is a mix of four operations, among them
a step along the gradient of the data term, A'(A x - y). All weights and alpha are learned together (single level);
the most probable operation of each layer makes the discrete network, which is trained anew.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, UniformFloatHyperparameter

from spaces.task import PSNR, Labels, Task
from spaces.trial import DIVERGED, Epoch, TrialOutcome, TrialSpec

OPERATIONS = ("gradient", "net", "smooth", "skip")
PATCH, STEPS_PER_EPOCH, BATCH = 24, 8, 16


@dataclass(frozen=True)
class Deblurring(Task):
    """The task; its fields are settings, as in ``--set noise=0.05``."""

    layers: int = 4
    blur: float = 1.2
    noise: float = 0.03
    channels: int = 8

    name = "deblurring-2d"
    metric = PSNR
    labels = Labels(space="sequential", operations=", ".join(OPERATIONS), data="photographs", method="single-level")
    presets = {"usual": {"learning_rate": 0.003, "alpha_learning_rate": 0.01, "sharpness": "none"}}  # noqa: RUF012

    def configuration_space(self) -> ConfigurationSpace:
        """Two rates, and whether mixing weights are sharpened towards the end."""
        space = ConfigurationSpace()
        space.add(
            UniformFloatHyperparameter("learning_rate", 1e-4, 0.1, log=True),
            UniformFloatHyperparameter("alpha_learning_rate", 1e-4, 1.0, log=True),
            CategoricalHyperparameter("sharpness", ["none", "linear"]),
        )
        return space

    def run_trials(self, specs: Sequence[TrialSpec], device: str) -> list[TrialOutcome]:
        """One after the other. torch is imported with the first, so that das-hpo itself does without."""
        return [self.run_trial(spec, device) for spec in specs]

    def run_trial(self, spec: TrialSpec, device: str) -> TrialOutcome:
        """Search, discretise, retrain; a score that is not finite is a diverged trial, which das-hpo sees to."""
        import torch

        generator = torch.Generator().manual_seed(spec.seed)
        curve: list[Epoch] = []
        one_shot, chosen = None, spec.architecture
        if chosen is None:
            alpha = (1e-3 * torch.randn(self.layers, len(OPERATIONS), generator=generator)).to(device).requires_grad_()
            one_shot = self._train("search", spec, alpha, curve, generator, device)
            if not torch.isfinite(alpha).all():
                return TrialOutcome(DIVERGED, message="alpha is not finite", epochs=tuple(curve), device=device)
            chosen = ",".join(OPERATIONS[index] for index in alpha.argmax(dim=1).tolist())
        architecture = None
        if spec.retrain or spec.architecture is not None:
            fixed = torch.eye(len(OPERATIONS), device=device)[[OPERATIONS.index(name) for name in chosen.split(",")]]
            architecture = self._train("retrain", spec, fixed, curve, generator, device)
        names = chosen.split(",")
        return TrialOutcome(
            one_shot_score=one_shot,
            architecture_score=architecture,
            architecture=chosen,
            parameters=names.count("gradient") + 18 * self.channels * names.count("net"),
            epochs=tuple(curve),
            device=device,
            extras={"blurred_psnr": self._score(None, None, device)},
        )

    def _train(
        self, phase: str, spec: TrialSpec, mixing: Any, curve: list[Epoch], generator: Any, device: str
    ) -> float:
        """Learns weights, and alpha where it is learned, on batches of the training photograph; the PSNR in dB."""
        import torch

        point, searched = spec.hyperparameters, phase == "search"
        weights = self._weights(generator, device)
        groups = [{"params": weights, "lr": point["learning_rate"]}]
        if searched:
            groups.append({"params": [mixing], "lr": point["alpha_learning_rate"]})
        steps = torch.optim.Adam(groups)
        epochs = max(1, round(spec.budget))
        sharpness = 1.0
        for epoch in range(1, epochs + 1):
            sharpness = 1.0 + 4.0 * epoch / epochs if point["sharpness"] == "linear" else 1.0
            total = 0.0
            for _ in range(STEPS_PER_EPOCH):
                x = _patches(_photographs()[0], generator, BATCH).to(device)
                y = self._blur(x) + self.noise * torch.randn(x.shape, generator=generator).to(device)
                weighted = (sharpness * mixing).softmax(dim=1) if searched else mixing
                loss = (self._forward(weights, weighted, y) - x).square().mean()
                steps.zero_grad()
                loss.backward()
                steps.step()
                total += float(loss.detach())
            rows = tuple(tuple(row) for row in mixing.tolist()) if searched else None
            curve.append(Epoch(phase, epoch, training_loss=total / STEPS_PER_EPOCH, alpha=rows))
        with torch.no_grad():
            return self._score(weights, (sharpness * mixing).softmax(dim=1) if searched else mixing, device)

    def _score(self, weights: Any, mixing: Any, device: str) -> float:
        """Mean PSNR in dB over fixed patches of the other photograph; of the blurred ones without weights."""
        import torch

        generator = torch.Generator().manual_seed(0)  # the same patches and noise for every trial
        x = _patches(_photographs()[1], generator, 64).to(device)
        y = self._blur(x) + self.noise * torch.randn(x.shape, generator=generator).to(device)
        found = y if weights is None else self._forward(weights, mixing, y)
        return float((-10 * (found - x).square().mean(dim=(1, 2, 3)).log10()).mean())

    def _weights(self, generator: Any, device: str) -> list[Any]:
        """Of each layer: the step size of the gradient, and two convolutions of the net."""
        import torch

        made = []
        for _ in range(self.layers):
            shapes = ((self.channels, 1, 3, 3), (1, self.channels, 3, 3))
            made += [torch.tensor(0.5), *(0.1 * torch.randn(shape, generator=generator) for shape in shapes)]
        return [weight.to(device).requires_grad_() for weight in made]

    def _forward(self, weights: Sequence[Any], mixing: Any, y: Any) -> Any:
        """The unrolled scheme from x = y; ``mixing[layer][operation]`` weighs the operations."""
        from torch.nn import functional

        x = y
        for layer in range(self.layers):
            tau, first, second = weights[3 * layer : 3 * layer + 3]
            gradient, net, smooth, skip = mixing[layer]
            # A Gaussian blur with zeros around the patch is its own adjoint: A' = A.
            step = tau * self._blur(self._blur(x) - y)
            hidden = functional.relu(functional.conv2d(x, first, padding=1))
            learned = functional.conv2d(hidden, second, padding=1)
            x = gradient * (x - step) + net * (x + learned) + smooth * functional.avg_pool2d(x, 3, 1, 1) + skip * x
        return x

    def _blur(self, x: Any) -> Any:
        """A: convolution with a Gaussian of width ``blur`` pixels."""
        import torch
        from torch.nn import functional

        offsets = torch.arange(-3, 4, device=x.device, dtype=x.dtype)
        line = (-(offsets**2) / (2 * self.blur**2)).exp()
        line = line / line.sum()
        return functional.conv2d(
            functional.conv2d(x, line.view(1, 1, 7, 1), padding=(3, 0)), line.view(1, 1, 1, 7), padding=(0, 3)
        )


@functools.cache
def _photographs() -> tuple[Any, Any]:
    """Both photographs in grey values of [0, 1], every second pixel."""
    import torch
    from sklearn.datasets import load_sample_images

    grey = [
        torch.tensor(image[::2, ::2].mean(axis=2) / 255, dtype=torch.float32) for image in load_sample_images().images
    ]
    return grey[0], grey[1]


def _patches(image: Any, generator: Any, count: int) -> Any:
    """Patches at random places, [count, 1, PATCH, PATCH]."""
    import torch

    places = zip(
        *(torch.randint(size - PATCH, (count,), generator=generator).tolist() for size in image.shape), strict=True
    )
    return torch.stack([image[row : row + PATCH, column : column + PATCH] for row, column in places])[:, None]


TASK = Deblurring()
