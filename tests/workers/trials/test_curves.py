"""Learning curves and divergence."""

import pytest
import torch

from workers.trials.curves import Curves, Meter


def meter(losses: list[list[float]]) -> Meter:
    """A meter that has seen these losses [step][trial]; every sample's error is the loss."""
    made = Meter(len(losses[0]), "cpu")
    for loss in losses:
        values = torch.tensor(loss)
        made.add(values, values[:, None].expand(-1, 3))
    return made


def test_means() -> None:
    """Loss and PSNR are means over the steps."""
    loss, psnr_db = meter([[0.1, 1.0], [0.001, 0.01]]).means()
    assert loss == pytest.approx([0.0505, 0.505])
    assert psnr_db == pytest.approx([20, 10], abs=1e-4)


def test_divergence_ends_one_trials_curve() -> None:
    """A trial that is no longer finite says so once, with None for what is not a number; the other goes on."""
    curves = Curves(2)
    alpha = torch.tensor([[[0.5, -0.5]], [[float("nan"), 0.0]]])
    curves.add("search", 1, meter([[0.1, 0.1]]), meter([[0.1, 0.2]]))
    curves.add("search", 2, meter([[0.1, float("inf")]]), meter([[0.1, 0.2]]), alpha)
    curves.add("search", 3, meter([[0.1, 0.1]]), meter([[0.1, 0.1]]))
    assert [epoch.epoch for epoch in curves.epochs[0]] == [1, 2, 3]
    assert curves.epochs[0][1].alpha == ((0.5, -0.5),)
    assert [epoch.epoch for epoch in curves.epochs[1]] == [1, 2]
    last = curves.epochs[1][1]
    assert (last.training_loss, last.training_score, last.alpha) == (None, None, None)
    assert last.validation_loss == pytest.approx(0.2)
    assert curves.messages == [None, "search: not finite in epoch 2"]
    assert not curves.all_diverged


def test_a_part_goes_on_and_comes_back() -> None:
    """The curves of some trials are extended apart and put back."""
    curves = Curves(3)
    curves.add("search", 1, validation=meter([[1.0, 1.0, 1.0]]))
    curves.diverge(1, "gone")
    part = curves.part([0, 2])
    part.add("retrain", 1, meter([[1.0, float("nan")]]))
    part.check([20.0, float("nan")], "validation")
    curves.put([0, 2], part)
    assert [len(epochs) for epochs in curves.epochs] == [2, 1, 2]
    assert curves.messages == [None, "gone", "retrain: not finite in epoch 1"]
    curves.check([float("inf"), 0.0, 0.0], "validation")
    assert curves.messages[0] == "validation: PSNR inf"
    assert curves.all_diverged
