"""Trials of equal shape that are computed together."""

from __future__ import annotations

import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.trial import InverseTrial
from spaces.trial import Epoch
from workers.trials.group import TrialGroup

CHOICES = Choices(channels=2, batch_size=4)


def group(*seeds: int) -> TrialGroup:
    """A trial for each seed, with the noise operation among its candidates."""
    specs = [InverseTrial(preset("H1"), 1.0, seed, operations="all", choices=CHOICES) for seed in seeds]
    return TrialGroup.of(specs)


def test_a_part_goes_on_with_its_own_trials_and_curves() -> None:
    """Trials and learning curves of the part are those that were picked, and are taken back to their places."""
    whole = group(1, 2, 3)
    whole.curves.epochs[2].append(Epoch("search", 1))
    part = whole.part([2, 0])
    assert [spec.seed for spec in part.specs] == [3, 1]
    assert part.curves.epochs == [[Epoch("search", 1)], []]
    part.curves.diverge(1, "why")
    whole.curves.put([2, 0], part.curves)
    assert whole.curves.messages == ["why", None, None]


def test_batches_are_each_trials_own() -> None:
    """A trial sees the same samples and noise in a group and alone; places without a slot have no noise."""
    whole, alone = group(5, 6), group(6)
    layout = whole.relaxed().layout
    batch, single = (next(each.batches("name", layout).draw(1)) for each in (whole, alone))
    assert torch.equal(batch.x[1:], single.x)
    assert torch.equal(batch.y[1:], single.y)
    assert batch.noise is not None
    assert single.noise is not None
    assert batch.noise.shape == (2, 10, 4, 50)
    assert torch.equal(batch.noise[1:], single.noise)
    some = next(whole.batches("name", layout, [[3], []]).draw(1)).noise
    assert some is not None
    assert some[0, 3].abs().sum() > 0
    assert some[0, [0, 1, 2, 4]].abs().sum() == some[1].abs().sum() == 0


def test_networks_are_those_of_the_trials() -> None:
    """Relaxed, shared and discrete networks have the trials' candidates, channels and operations."""
    made = group(1)
    candidates = ("learnable-gradient", "net", "roll", "noise")
    assert made.relaxed().layout.edges == made.shared().layout.edges == (candidates,) * 10
    assert len(made.shared().layout.maps) == 10
    discrete = made.discrete(Architecture.uniform("sequential", "net"))
    assert discrete.layout.edges == (("net",),) * 10
    assert discrete.layout.channels == 2
    assert (len(made), made.steps, made.choices) == (1, 19, CHOICES)
