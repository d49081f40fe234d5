"""The weights that DAS-single begins with."""

import dataclasses
from typing import Any

import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation, data_formation
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.networks import discrete_network, relaxed_network
from spaces.inverse_1d.trial import InverseTrial
from workers.methods.pieces import Start
from workers.methods.pretrained import pretrained_weights
from workers.trials.curves import Curves
from workers.trials.group import TrialGroup
from workers.trials.search import initial_alpha, search
from workers.trials.training import initial_weights

CHOICES = Choices(channels=3, batch_size=8, tau=0.1, loss_scale=0.5)
POINT = dataclasses.replace(
    preset("H1"), parameter_learning_rate=0.001, alpha_learning_rate=0.01, alpha_warm_up=False, alpha_scheduler="none"
)


def spec(**values: Any) -> InverseTrial:
    """A short trial of few channels."""
    return InverseTrial(**{"hyperparameters": POINT, "budget": 0.5, "seed": 4, "choices": CHOICES, **values})


def test_das_single_freezes_pretrained_weights() -> None:
    """The relaxed network holds the weights of the two pre-trained ones; the search changes alpha alone."""
    one = spec(method="das-single", operations="all")
    formation = data_formation("blur", CHOICES)
    layout = relaxed_network("sequential", "all", formation, CHOICES).layout
    curves = Curves(1)
    weights, buffers = pretrained_weights(Start(TrialGroup([one], formation, curves, "cpu", "torch"), layout))
    assert [epoch.phase for epoch in curves.epochs[0]] == ["pretrain-learnable-gradient", "pretrain-net"]
    parts = layout.views(weights)
    assert bool((parts.gamma != 1).any(dim=2).all())  # every map of both kinds has been trained
    assert bool((buffers.running_var != 1).any(dim=2).all())
    net = initial_weights([one], net_layout(formation), "pretrain-net-weights", "cpu")
    before = net_layout(formation).views(net).conv1[0]
    assert float((parts.conv1[0, 1::2] - before).abs().max()) < 0.02  # ten steps of 0.001 from where net started

    again = Curves(1)
    found = search(TrialGroup([one], formation, again, kernel="torch"))
    phases = [(epoch.phase, epoch.training_loss is None) for epoch in again.epochs[0]]
    assert phases == [("pretrain-learnable-gradient", False), ("pretrain-net", False), ("search", True)]
    assert again.epochs[0][:2] == curves.epochs[0]
    assert found.one_shot_score[0] is not None
    alpha = again.epochs[0][2].alpha
    assert alpha is not None
    assert not torch.equal(torch.tensor(alpha), initial_alpha([one], layout)[0])


def net_layout(formation: DataFormation) -> Layout:
    """The layout of the all-net network."""
    return discrete_network(Architecture.uniform("sequential", "net"), formation, CHOICES).layout
