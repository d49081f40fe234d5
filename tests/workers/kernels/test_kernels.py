"""The choice of the kernel, and whole trials with either."""

from __future__ import annotations

import pytest

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.hyperparameters import preset
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.networks import relaxed_network
from spaces.inverse_1d.trial import InverseTrial
from workers.kernels import forward_for
from workers.trials.pipeline import run_trial


def test_auto_is_fused_on_the_cpu() -> None:
    """Where there is a fused kernel, auto takes it; torch is taken where it is asked for."""
    choices = Choices()
    network = relaxed_network("sequential", "all", data_formation("blur", choices), choices)
    assert forward_for(network, 1, "cpu", "auto")[1] == "fused"
    assert forward_for(network, 1, "cpu", "fused")[1] == "fused"
    assert forward_for(network, 1, "cpu", "torch") == (network.forward, "torch")
    assert forward_for(network, 1, "cuda", "auto") == (network.forward, "torch")


def test_fused_where_there_is_none() -> None:
    """Asking for the fused kernel where there is none is a usage error, as is an unknown kernel."""
    choices = Choices()
    network = relaxed_network("sequential", "all", data_formation("blur", choices), choices)
    with pytest.raises(InvalidValueError, match="no fused kernel for this network on cuda"):
        forward_for(network, 1, "cuda", "fused")
    with pytest.raises(UnknownNameError, match="auto, torch, fused"):
        forward_for(network, 1, "cpu", "mkl")


def test_another_network_is_left_to_torch() -> None:
    """A subclass may compute anything, so the kernels do not take it."""
    choices = Choices()
    known = relaxed_network("sequential", "all", data_formation("blur", choices), choices)
    other = type("Other", (type(known),), {})(known.layout, known.formation, choices)
    assert forward_for(other, 1, "cpu", "auto")[1] == "torch"


@pytest.mark.parametrize("space", ["sequential", "cell"])
@pytest.mark.parametrize("data", ["blur", "downsampling"])
def test_short_trial_agrees_with_torch(space: str, data: str) -> None:
    """A short search and retraining give the same curves, within what the order of sums changes over the steps."""
    choices = Choices(channels=4, batch_size=24)
    spec = InverseTrial(preset("H1"), budget=0.5, seed=3, space=space, operations="all", data=data, choices=choices)
    fused, torch = (run_trial(spec, kernel=kernel) for kernel in ("auto", "torch"))
    assert (fused.kernel, torch.kernel) == ("fused", "torch")
    assert fused.architecture == torch.architecture
    assert fused.one_shot_score == pytest.approx(torch.one_shot_score, abs=0.1)
    assert fused.architecture_score == pytest.approx(torch.architecture_score, abs=0.1)
    assert len(fused.epochs) == len(torch.epochs)
    for one, other in zip(fused.epochs, torch.epochs, strict=True):
        assert one.training_loss == pytest.approx(other.training_loss, rel=1e-2)
        if one.alpha is not None and other.alpha is not None:
            flat = [value for row in one.alpha for value in row]
            assert flat == pytest.approx([value for row in other.alpha for value in row], abs=1e-5)
