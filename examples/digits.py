"""DARTS on handwritten digits: a cell of mixed operations, relaxed by softmax and scored by its accuracy.

    das-hpo run --task examples.digits:TASK --objective one-shot --min-budget 1 --max-budget 9 --workers 2

The images are scikit-learn's 1,797 digits of 8 x 8 pixels: 600 train the weights, 600 train alpha, the rest validates.
A cell has three nodes; every edge between two of them (and the input) is a mix of five operations. First-order DARTS
(Liu et al. 2019): in turns a step of the weights and a step of alpha. The most probable operation of each edge makes
the discrete network, which is trained from new weights on all but the validation images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, UniformFloatHyperparameter

from spaces.task import Labels, Metric, Task
from spaces.trial import Epoch, TrialOutcome, TrialSpec

OPERATIONS = ("conv3", "conv1", "pool", "skip", "zero")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
CLASSES = 10


@dataclass(frozen=True)
class Digits(Task):
    """The task; its fields are settings, as in ``--set channels=16``."""

    channels: int = 8
    batch_size: int = 100

    name = "digits"
    metric = Metric("accuracy")
    labels = Labels(space="cell of 3 nodes", operations=", ".join(OPERATIONS), data="digits", method="darts")
    presets = {  # noqa: RUF012 (a mapping that nobody changes)
        "usual": {"learning_rate": 0.01, "weight_decay": 3e-4, "alpha_learning_rate": 0.01, "alpha_optimizer": "adam"}
    }

    def configuration_space(self) -> ConfigurationSpace:
        """Rates on logarithmic scales, and how alpha is updated."""
        space = ConfigurationSpace()
        space.add(
            UniformFloatHyperparameter("learning_rate", 1e-4, 0.1, log=True),
            UniformFloatHyperparameter("weight_decay", 1e-6, 1e-1, log=True),
            UniformFloatHyperparameter("alpha_learning_rate", 1e-4, 1.0, log=True),
            CategoricalHyperparameter("alpha_optimizer", ["adam", "sgd"]),
        )
        return space

    def run_trials(self, specs: Sequence[TrialSpec], device: str) -> list[TrialOutcome]:
        """One after the other. torch is imported here, so that das-hpo itself does without."""
        return [self.run_trial(spec, device) for spec in specs]

    def run_trial(self, spec: TrialSpec, device: str) -> TrialOutcome:
        """Search, discretise, retrain."""
        import torch

        # Whatever draws from torch's own generator below is seeded here, and the generator is put back afterwards.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(spec.seed)
            data = _images(device)
            curve: list[Epoch] = []
            one_shot, chosen = None, spec.architecture
            if chosen is None:
                one_shot, chosen = self._search(spec, data, curve)
            architecture = None
            mixing = torch.eye(len(OPERATIONS), device=device)[[OPERATIONS.index(name) for name in chosen.split(",")]]
            if spec.retrain or spec.architecture is not None:
                architecture = self._retrain(spec, data, mixing, curve)
        names = chosen.split(",")
        maps = 9 * names.count("conv3") + names.count("conv1")
        return TrialOutcome(
            one_shot_score=one_shot,
            architecture_score=architecture,
            architecture=chosen,
            parameters=maps * self.channels**2 + self.channels * (9 + 3 * CLASSES) + CLASSES,
            epochs=tuple(curve),
            device=device,
            extras={"edges_used": float(len(names) - names.count("zero"))},
        )

    def _search(self, spec: TrialSpec, data: Any, curve: list[Epoch]) -> tuple[float, str]:
        """Steps of the weights and of alpha in turns; the supernet's accuracy and the chosen operations."""
        import torch

        point, (train, valid, test) = spec.hyperparameters, data
        weights = self._weights(train[0].device)
        alpha = (1e-3 * torch.randn(len(EDGES), len(OPERATIONS))).to(train[0].device).requires_grad_()
        steps = torch.optim.AdamW(weights, lr=point["learning_rate"], weight_decay=point["weight_decay"])
        kind = torch.optim.Adam if point["alpha_optimizer"] == "adam" else torch.optim.SGD
        alpha_steps = kind([alpha], lr=point["alpha_learning_rate"])
        for epoch in range(1, _epochs(spec.budget) + 1):
            losses: list[tuple[float, float]] = []
            for batch, other in zip(self._batches(train), self._batches(valid), strict=True):
                alpha_loss = self._step(alpha_steps, weights, alpha, other)
                losses.append((self._step(steps, weights, alpha, batch), alpha_loss))
            means = [sum(column) / len(losses) for column in zip(*losses, strict=True)]
            rows = tuple(tuple(row) for row in alpha.tolist())
            curve.append(Epoch("search", epoch, training_loss=means[0], validation_loss=means[1], alpha=rows))
        chosen = ",".join(OPERATIONS[index] for index in alpha.argmax(dim=1).tolist())
        return _accuracy(_forward(weights, alpha.softmax(dim=1), test[0]), test[1]), chosen

    def _retrain(self, spec: TrialSpec, data: Any, mixing: Any, curve: list[Epoch]) -> float:
        """Trains the discrete network from new weights on the images of the search; its accuracy."""
        import torch

        point, (train, valid, test) = spec.hyperparameters, data
        images = tuple(torch.cat(pair) for pair in zip(train, valid, strict=True))
        weights = self._weights(images[0].device)
        steps = torch.optim.AdamW(weights, lr=point["learning_rate"], weight_decay=point["weight_decay"])
        for epoch in range(1, _epochs(spec.budget) + 1):
            losses = [self._step(steps, weights, mixing, batch, relaxed=False) for batch in self._batches(images)]
            curve.append(Epoch("retrain", epoch, training_loss=sum(losses) / len(losses)))
        return _accuracy(_forward(weights, mixing, test[0]), test[1])

    def _step(self, steps: Any, weights: Any, mixing: Any, batch: Any, *, relaxed: bool = True) -> float:
        import torch

        logits = _forward(weights, mixing.softmax(dim=1) if relaxed else mixing, batch[0])
        loss = torch.nn.functional.cross_entropy(logits, batch[1])
        steps.zero_grad()
        loss.backward()
        steps.step()
        return float(loss.detach())

    def _weights(self, device: Any) -> list[Any]:
        """Stem, a 3 x 3 and a 1 x 1 convolution for each edge, and the classifier."""
        import torch

        c = self.channels
        shapes = [(c, 1, 3, 3), *((c, c, size, size) for _ in EDGES for size in (3, 1)), (CLASSES, 3 * c), (CLASSES,)]
        made = []
        for shape in shapes:
            fan_in = max(1, int(torch.tensor(shape[1:]).prod()))
            scale = (2 / fan_in) ** 0.5 if len(shape) > 1 else 0.0
            made.append((scale * torch.randn(shape)).to(device).requires_grad_())
        return made

    def _batches(self, images: Any) -> Iterator[Any]:
        import torch

        order = torch.randperm(len(images[0]))
        for part in order.split(self.batch_size):
            yield images[0][part], images[1][part]


def _forward(weights: Sequence[Any], mixing: Any, x: Any) -> Any:
    """Logits; ``mixing[edge][operation]`` weighs the operations. One of weight 0 is not computed."""
    import torch
    from torch.nn import functional

    stem, *convolutions, classifier, bias = weights
    nodes = [functional.conv2d(x, stem, padding=1)]
    for node in (1, 2, 3):
        total = 0.0 * nodes[0]
        for edge, (start, stop) in enumerate(EDGES):
            if stop != node:
                continue
            source = nodes[start]
            operations = (
                lambda u, e=edge: functional.relu(functional.conv2d(u, convolutions[2 * e], padding=1)),
                lambda u, e=edge: functional.relu(functional.conv2d(u, convolutions[2 * e + 1])),
                lambda u: functional.avg_pool2d(u, 3, stride=1, padding=1),
                lambda u: u,
            )
            for weight, operation in zip(mixing[edge], operations, strict=False):  # the last one, zero, adds nothing
                if weight.requires_grad or weight != 0:
                    total = total + weight * operation(source)
        nodes.append(total)
    features = torch.cat([node.mean(dim=(2, 3)) for node in nodes[1:]], dim=1)
    return functional.linear(features, classifier, bias)


def _images(device: str) -> list[Any]:
    """Three parts of (images, classes), in an order that is the same for every trial."""
    import torch
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(0))
    x = (torch.tensor(digits.images, dtype=torch.float32)[order, None] / 8 - 1).to(device)
    y = torch.tensor(digits.target)[order].to(device)
    return [(x[part], y[part]) for part in (slice(600), slice(600, 1200), slice(1200, None))]


def _accuracy(logits: Any, classes: Any) -> float:
    return float((logits.argmax(dim=1) == classes).float().mean())


def _epochs(budget: float) -> int:
    return max(1, round(budget))


TASK = Digits()
