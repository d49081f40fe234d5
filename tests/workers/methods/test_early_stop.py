"""The update of RobustDARTS: when it stops, and what alpha is then."""

from __future__ import annotations

import pytest
import torch

from tests.workers.methods.searches import POINT, double_search
from workers.methods import curvature, early_stop


def test_it_stops_where_the_mean_eigenvalue_has_grown() -> None:
    """Means over five epochs, five epochs apart, as Python adds them up; not before ten epochs."""
    values = torch.rand(12, 4, generator=torch.Generator().manual_seed(3)) + torch.linspace(0, 1, 12)[:, None]
    ratio = torch.tensor([0.1, 0.5, 0.75, 0.95])
    for count in range(1, 13):
        found = early_stop.has_grown(values[:count], ratio).tolist()
        for trial in range(4):
            row = values[:count, trial].tolist()
            grown = count >= 10 and sum(row[-10:-5]) / sum(row[-5:]) < float(ratio[trial])
            assert found[trial] == grown
    assert early_stop.has_grown(values, ratio).any()


def test_alpha_goes_back_five_epochs_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """With epochs of one step: one trial stops as soon as it can, the other never does and is DARTS."""
    monkeypatch.setattr(early_stop, "BATCHES_PER_EPOCH", 1)
    monkeypatch.setattr(curvature, "PRODUCTS", 2)
    never, soon = {"eigenvalue_ratio": 0.0}, {"eigenvalue_ratio": 1e9}
    found, plain = (
        double_search(name, *own, operations="good", steps=11)
        for name, own in (("robust-darts", (never, soon)), ("darts", ({}, {})))
    )
    alphas = []
    for training, validation in zip(plain.training, plain.validation, strict=True):
        plain.update.step(training, validation)
        plain.state.step += 1
        alphas.append(plain.state.alpha.clone())
        found.update.step(training, validation)
        found.state.step += 1
    values = torch.stack(found.update._values)
    torch.testing.assert_close(found.state.alpha[0], alphas[-1][0])
    stops = [i for i in range(9, 11) if float(values[i - 4 : i + 1, 1].mean()) > 0]
    expected = alphas[stops[0] - 5][1] if stops else alphas[-1][1]
    torch.testing.assert_close(found.state.alpha[1], expected)
    assert stops


def test_the_search_has_a_weight_decay_of_its_own() -> None:
    """The factor of each trial on the decay of both phases."""
    state = double_search("robust-darts", {"search_l2_factor": 27.0}, {"search_l2_factor": 1.0}).state
    assert state.weight_decay.tolist() == pytest.approx(
        [27 * POINT.parameter_weight_decay, POINT.parameter_weight_decay]
    )
