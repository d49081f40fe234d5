"""The fused kernels against the torch networks, in float64."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.network import Network
from spaces.inverse_1d.networks import discrete_network, relaxed_network, shared_network
from spaces.inverse_1d.registries import NET, ZERO
from workers.kernels.fused import FusedForward, obstacle

TOLERANCE = 1e-4


def in_float64(network: Network) -> Network:
    """The same network with its matrices in float64: the reference."""
    formation = network.formation
    matrices = {"matrix": formation.matrix.double(), "normal_matrix": formation.normal_matrix.double()}
    return type(network)(network.layout, replace(formation, **matrices), network.choices)


@dataclass
class Inputs:
    """Random arguments of a forward pass and a random gradient of its result, T trials."""

    weights: Tensor
    buffers: Buffers
    alpha: Tensor | None
    y: Tensor
    noise: Tensor | None
    grad: Tensor

    @property
    def mix(self) -> Tensor | None:
        """softmax(alpha)."""
        return None if self.alpha is None else self.alpha.softmax(2)

    @classmethod
    def draw(cls, network: Network, relaxed: bool, samples: int, seed: int, trials: int = 1) -> Inputs:
        """Weights and statistics away from their initial values, smooth signals."""
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator)

        layout = network.layout
        weights = layout.initial_weights([generator] * trials)
        parts = layout.views(weights)
        parts.gamma.copy_(1 + 0.3 * normal(*parts.gamma.shape))
        parts.beta.copy_(0.3 * normal(*parts.beta.shape))
        buffers = layout.initial_buffers(trials)
        buffers.running_mean.copy_(0.3 * normal(*buffers.running_mean.shape))
        buffers.running_var.copy_(0.5 + normal(*buffers.running_var.shape).square())
        positions = len(network.formation.normal_matrix)
        signals = 0.5 * normal(trials, samples, positions).cumsum(2)
        y = network.formation.A(signals) + 0.1 * normal(trials, samples, len(network.formation.matrix))
        slots = len(layout.noise_index)
        alpha = normal(trials, len(layout.edges), len(layout.edges[0])) if relaxed else None
        noise = normal(trials, slots, samples, positions) if slots else None
        return cls(weights, buffers, alpha, y, noise, normal(trials, samples, positions))


def evaluate(
    forward: Callable[..., Tensor], inputs: Inputs, training: bool, dtype: torch.dtype, wanted: tuple[str, ...]
) -> dict[str, Tensor]:
    """The result, the running statistics after it, and the wanted gradients."""

    def copy(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(dtype, copy=True)

    weights, alpha, y, noise = (copy(part) for part in (inputs.weights, inputs.alpha, inputs.y, inputs.noise))
    buffers = Buffers(*(buffer.to(dtype, copy=True) for buffer in inputs.buffers))
    leaves = {"weights": weights, "alpha": alpha}
    chosen = [leaves[name] for name in wanted if leaves[name] is not None]
    for leaf in chosen:
        leaf.requires_grad_()
    x_hat = forward(weights, buffers, None if alpha is None else alpha.softmax(2), y, noise, training)
    found = {"x_hat": x_hat.detach(), "running_mean": buffers.running_mean, "running_var": buffers.running_var}
    if chosen and x_hat.requires_grad:
        grads = torch.autograd.grad(x_hat, chosen, inputs.grad.to(dtype), allow_unused=True)
        for name, grad, leaf in zip(wanted, grads, chosen, strict=False):
            found[name] = torch.zeros_like(leaf) if grad is None else grad
    return found


def worst_error(network: Network, inputs: Inputs, training: bool, wanted: tuple[str, ...]) -> tuple[float, str]:
    """The largest relative error (of a whole tensor's norm) of the fused pass, and where."""
    expected = evaluate(in_float64(network).forward, inputs, training, torch.float64, wanted)
    came = evaluate(FusedForward(network), inputs, training, torch.float32, wanted)
    assert came.keys() >= expected.keys()
    errors = [(0.0, "")]
    for name, value in expected.items():
        size = value.norm().item()
        errors.append(((came[name].double() - value).norm().item() / max(size, 1e-6), name))
    return max(errors)


def assert_agrees(
    network: Network, relaxed: bool, samples: int, seed: int, training: bool, wanted: tuple[str, ...]
) -> None:
    """Fused and reference agree on one of three draws of the inputs.

    More than one, since an activation that rounding carries across ReLU's zero changes a gradient by that
    sample's share, in float32 torch as here; an error of the kernels shows in all three.
    """
    tries = (
        worst_error(network, Inputs.draw(network, relaxed, samples, seed + offset), training, wanted)
        for offset in range(3)
    )
    assert_one_agrees(tries)


def assert_one_agrees(tries: Iterable[tuple[float, str]]) -> None:
    """One of the errors is within the tolerance; the draws after it are not made."""
    found = []
    for error in tries:
        found.append(error)
        if error[0] < TOLERANCE:
            return
    pytest.fail(f"relative errors {found}")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Network, bool, int]:
    """A network of any kind, whether it is relaxed, and a batch size; small, so that few activations are near 0."""
    space = draw(st.sampled_from(["sequential", "cell"]))
    operations = draw(st.sampled_from(["good", "all"]))
    relaxed = draw(st.booleans())
    channels = draw(st.integers(1, 64))
    samples = draw(st.integers(2, min(70, max(2, 200 // channels))))
    choices = Choices(
        channels=channels,
        tau=draw(st.sampled_from([0.01, 0.1, 0.5])),
        layer_noise_sigma=draw(st.sampled_from([0.0, 0.1])),
        roll_batch=draw(st.booleans()),
        residual=draw(st.booleans()),
        merge_kernel_size=draw(st.sampled_from([1, 3, 5])),
    )
    formation = data_formation(draw(st.sampled_from(["blur", "downsampling"])), choices)
    if relaxed:
        return relaxed_network(space, operations, formation, choices), True, samples
    architecture = Architecture.random(space, operations, random.Random(draw(st.integers(0, 2**32))))
    return discrete_network(architecture, formation, choices), False, samples


@settings(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    case=cases(),
    training=st.booleans(),
    wanted=st.sampled_from([("weights",), ("alpha",), ("weights", "alpha"), ()]),
    seed=st.integers(0, 2**32),
)
def test_agrees_with_torch(case: tuple[Network, bool, int], training: bool, wanted: tuple[str, ...], seed: int) -> None:
    """Outputs, running statistics and the gradients of weights and alpha, over networks, widths and batch sizes."""
    network, relaxed, samples = case
    assert_agrees(network, relaxed, samples, seed, training, wanted if relaxed else wanted[:1])


def direct_error(network: Network, inputs: Inputs, scale: float, to_mix: bool) -> tuple[float, str]:
    """The largest relative error of the gradient step that the kernel makes itself; the signals are random too."""
    wide = [part if part is None else part.double() for part in (inputs.weights, inputs.mix, inputs.y, inputs.noise)]
    weights, mix, y, noise = wide
    assert weights is not None
    leaf = mix if to_mix else weights
    assert leaf is not None
    leaf.requires_grad_()
    buffers = Buffers(*(buffer.double() for buffer in inputs.buffers))
    x_hat = in_float64(network).forward(weights, buffers, mix, y, noise, True)
    errors = (x_hat - inputs.grad.double()).square().mean(2)
    loss = scale * errors.mean(1).sum()
    gradient = torch.autograd.grad(loss, leaf)[0] if loss.requires_grad else torch.zeros_like(leaf)
    expected = {"errors": errors.detach(), "gradient": gradient, **buffers._asdict()}

    kept = Buffers(*(buffer.clone() for buffer in inputs.buffers))
    came = FusedForward(network).errors_and_gradient(
        inputs.weights, kept, inputs.mix, inputs.grad, inputs.y, inputs.noise, scale, to_mix
    )
    found = dict(zip(expected, (*came, *kept), strict=True))
    assert {name: part.shape for name, part in found.items()} == {name: part.shape for name, part in expected.items()}
    return max(
        ((found[name].double() - part).norm().item() / max(part.norm().item(), 1e-6), name)
        for name, part in expected.items()
    )


@settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    case=cases(),
    trials=st.integers(1, 3),
    scale=st.sampled_from([0.5, 1.0, 50.0]),
    to_mix=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_direct_gradient_is_autograds(
    case: tuple[Network, bool, int], trials: int, scale: float, to_mix: bool, seed: int
) -> None:
    """The errors and the gradient of a step of the weights or of the mix, without autograd, are those of autograd."""
    network, relaxed, samples = case
    assert_one_agrees(
        direct_error(network, Inputs.draw(network, relaxed, samples, seed + offset, trials), scale, to_mix and relaxed)
        for offset in range(3)
    )


@pytest.mark.parametrize("to_mix", [False, True], ids=["weights", "mix"])
@pytest.mark.parametrize("operations", ["good", "all"])
@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_direct_gradient_of_the_search(space: str, operations: str, to_mix: bool) -> None:
    """Both steps of a search, in each space and with each set of operations."""
    choices = Choices(channels=3)
    network = relaxed_network(space, operations, data_formation("downsampling", choices), choices)
    assert_one_agrees(
        direct_error(network, Inputs.draw(network, True, 7, seed, trials=2), choices.loss_scale, to_mix)
        for seed in range(3)
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [16, 64])
@pytest.mark.parametrize("samples", [128, 127, 1])
def test_agrees_at_full_size(channels: int, samples: int, training: bool) -> None:
    """A network whose one learned map sees a whole batch, as in the search."""
    if samples == 1 and training:
        samples = 2
    choices = Choices(channels=channels)
    operations = ["roll", "noise", "learnable-gradient", *["noise"] * 7]
    network = discrete_network(
        Architecture("sequential", (tuple(operations),)), data_formation("blur", choices), choices
    )
    assert_agrees(network, False, samples, 0, training, ("weights",))


@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_relaxed_output_at_full_size(space: str) -> None:
    """The output and the statistics of the search's network."""
    choices = Choices()
    network = relaxed_network(space, "all", data_formation("downsampling", choices), choices)
    error, name = worst_error(network, Inputs.draw(network, True, 128, 1), True, ())
    assert error < TOLERANCE, name


@pytest.mark.parametrize("operation", [ZERO, "roll", "noise", NET])
def test_one_operation_everywhere(operation: str) -> None:
    """A cell network of one operation, all zeros included, where only the merging convolutions have weights."""
    choices = Choices(channels=3, merge_kernel_size=3)
    network = discrete_network(Architecture.uniform("cell", operation), data_formation("blur", choices), choices)
    assert_agrees(network, False, 5, 0, True, ("weights",))


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_state_without_variance(constant: float) -> None:
    """Where all signals are one constant, batch norm divides by the root of epsilon alone."""
    choices = Choices(channels=4)
    network = discrete_network(Architecture.uniform("sequential", NET), data_formation("blur", choices), choices)
    inputs = Inputs.draw(network, False, 6, 0)
    inputs.y.fill_(constant)
    layout = network.layout
    parts = layout.views(inputs.weights)
    parts.beta.fill_(1.0)
    error, name = worst_error(network, inputs, True, ())
    assert error < TOLERANCE, name


def test_weight_of_zero_in_the_mix() -> None:
    """The gradient of a mix has no need of weights above 0: an operation's product is known also at 0."""
    choices = Choices(channels=4)
    network = relaxed_network("sequential", "all", data_formation("blur", choices), choices)
    inputs = Inputs.draw(network, True, 6, 0)
    mix = torch.nn.functional.one_hot(torch.arange(10) % 4, 4)[None]
    grads = []
    for forward, dtype in ((in_float64(network).forward, torch.float64), (FusedForward(network), torch.float32)):
        leaf = mix.to(dtype).requires_grad_()
        assert inputs.noise is not None
        buffers = Buffers(*(buffer.to(dtype, copy=True) for buffer in inputs.buffers))
        x_hat = forward(inputs.weights.to(dtype), buffers, leaf, inputs.y.to(dtype), inputs.noise.to(dtype), True)
        grads.append(torch.autograd.grad(x_hat, leaf, inputs.grad.to(dtype))[0].double())
    assert (grads[0] - grads[1]).norm() < TOLERANCE * grads[0].norm()


@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_trials_of_a_batch_are_as_alone(space: str) -> None:
    """Several trials give to the last bit what each gives alone, and each its own gradient."""
    choices = Choices(channels=5)
    network = relaxed_network(space, "all", data_formation("blur", choices), choices)
    inputs = Inputs.draw(network, True, 9, 0, trials=3)
    together = evaluate(FusedForward(network), inputs, True, torch.float32, ("weights", "alpha"))
    for trial in range(3):
        part = slice(trial, trial + 1)
        assert inputs.alpha is not None
        assert inputs.noise is not None
        alone = Inputs(
            inputs.weights[part],
            Buffers(*(buffer[part] for buffer in inputs.buffers)),
            inputs.alpha[part],
            inputs.y[part],
            inputs.noise[part],
            inputs.grad[part],
        )
        found = evaluate(FusedForward(network), alone, True, torch.float32, ("weights", "alpha"))
        for name, value in found.items():
            assert torch.equal(value, together[name][part]), name


def test_shared_maps() -> None:
    """A batch of different architectures in one network: one map an edge, a one-hot mix."""
    choices = Choices(channels=3)
    network = shared_network("cell", "all", data_formation("blur", choices), choices)
    assert obstacle(network) is None
    inputs = Inputs.draw(network, True, 5, 0, trials=2)
    assert inputs.alpha is not None
    inputs.alpha = 1e4 * torch.nn.functional.one_hot(inputs.alpha.argmax(2), inputs.alpha.shape[2])
    error, name = worst_error(network, inputs, True, ("weights",))
    assert error < TOLERANCE, name


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["gamma", "conv1", "conv2", "bias"])
def test_divergence_stays_visible(part: str, value: float) -> None:
    """A weight that is not finite makes the output and the gradient not finite, whatever the compiler assumes."""
    choices = Choices(channels=4)
    network = relaxed_network("sequential", "all", data_formation("blur", choices), choices)
    inputs = Inputs.draw(network, True, 20, 0)
    getattr(network.layout.views(inputs.weights), part)[0, 3] = value
    found = evaluate(FusedForward(network), inputs, True, torch.float32, ("weights",))
    assert not found["x_hat"].isfinite().all()
    assert not found["weights"].isfinite().all()


def test_weights_changed_before_the_backward_pass() -> None:
    """As in plain torch, a gradient is refused where its weights are no longer those of the forward pass."""
    choices = Choices(channels=2)
    network = relaxed_network("sequential", "good", data_formation("blur", choices), choices)
    inputs = Inputs.draw(network, True, 4, 0)
    weights = inputs.weights.requires_grad_()
    assert inputs.alpha is not None
    x_hat = FusedForward(network)(weights, inputs.buffers, inputs.alpha.softmax(2), inputs.y, None, True)
    with torch.no_grad():
        weights.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        x_hat.sum().backward()


def test_two_passes_in_flight() -> None:
    """Forward passes made before either's backward pass keep their activations apart."""
    choices = Choices(channels=2)
    network = relaxed_network("sequential", "good", data_formation("blur", choices), choices)
    first, second = (Inputs.draw(network, True, 4, seed) for seed in (0, 1))
    forward = FusedForward(network)
    alone = [evaluate(forward, inputs, True, torch.float32, ("weights",))["weights"] for inputs in (first, second)]
    outputs = []
    for inputs in (first, second):
        assert inputs.alpha is not None
        weights = inputs.weights.requires_grad_()
        x_hat = forward(weights, inputs.buffers, inputs.alpha.softmax(2), inputs.y, None, True)
        outputs.append((x_hat, weights, inputs.grad))
    for (x_hat, weights, grad), expected in zip(outputs, alone, strict=True):
        (found,) = torch.autograd.grad(x_hat, weights, grad)
        assert torch.equal(found, expected)
