"""Retraining in a batch of different architectures; test_pipeline.py compares whole trials."""

from __future__ import annotations

import pytest
import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.trial import InverseTrial
from workers.trials.group import TrialGroup
from workers.trials.retrain import one_hot, retrain, shared_weights
from workers.trials.training import initial_weights

CHOICES = Choices(channels=2, batch_size=8)
NAMES = ("net", "noise", "learnable-gradient", "roll", "net", "net", "noise", "roll", "learnable-gradient", "net")
MIXED = Architecture.of_edges("sequential", NAMES)
OTHER = Architecture.uniform("sequential", "learnable-gradient")


def group(count: int) -> TrialGroup:
    """Trials with seeds from 1."""
    specs = [InverseTrial(preset("H1"), 0.3, seed, operations="all", choices=CHOICES) for seed in range(1, count + 1)]
    return TrialGroup.of(specs, kernel="torch")


def test_a_mix_picks_each_operation() -> None:
    """One where the architecture has the operation, zero elsewhere."""
    candidates = ["learnable-gradient", "net", "roll", "noise"]
    expected = [[float(name == chosen) for name in candidates] for chosen in NAMES]
    assert one_hot(group(1).first, [MIXED]).tolist() == [expected]


def test_shared_weights_are_those_of_the_networks_alone() -> None:
    """Each map of an architecture begins with the weights that it begins with alone; unused maps are zero."""
    two = group(2)
    layouts = [two.discrete(architecture).layout for architecture in (MIXED, OTHER)]
    shared = two.shared().layout
    weights = shared_weights(two.specs, layouts, shared)
    for trial, layout in enumerate(layouts):
        alone = layout.views(initial_weights(two.specs[trial : trial + 1], layout, "retrain-weights", "cpu"))
        for index, (edge, _) in enumerate(layout.maps):
            assert torch.equal(shared.views(weights).conv1[trial, edge], alone.conv1[0, index])
    unused = [edge for edge, name in enumerate(NAMES) if name in ("roll", "noise")]
    assert (shared.views(weights).conv1[0, unused] == 0).all()


def test_different_architectures_together_are_as_alone() -> None:
    """Scores, weights and learning curves of a batch are those of each trial by itself."""
    two = group(2)
    found = retrain(two, [MIXED, OTHER])
    for trial, architecture in enumerate((MIXED, OTHER)):
        alone = TrialGroup.of(two.specs[trial : trial + 1], kernel="torch")
        (score,) = retrain(alone, [architecture]).architecture_score
        assert found.architecture_score[trial] == pytest.approx(score, rel=1e-4)
        assert two.curves.epochs[trial][0].training_loss == pytest.approx(
            alone.curves.epochs[0][0].training_loss, rel=1e-4
        )
