"""The axes in annotations are checked while tests run (see tests/conftest.py)."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import NamedTuple, get_type_hints

import pytest
import torch
from beartype.door import is_bearable
from jaxtyping import TypeCheckError, jaxtyped

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.networks import relaxed_network
from tests.axes import annotated_modules
from workers.kernels.fused import FusedForward
from workers.trials.batches import Batches
from workers.trials.validation import sample_errors


def functions(module: ModuleType) -> list[FunctionType]:
    """The functions and methods that are written in a module."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    members = [member for owner in own if inspect.isclass(owner) for member in vars(owner).values()]
    found = [getattr(value, "__func__", value) for value in (*own, *members)]
    # What dataclasses generate has no file.
    return [f for f in found if inspect.isfunction(f) and inspect.unwrap(f).__code__.co_filename == module.__file__]


def test_transposed_tensor() -> None:
    """A transposed tensor, which torch would broadcast in silence, is an error that names the axes."""
    x = torch.zeros(1, 5, 50)
    with pytest.raises(TypeCheckError, match=r"parameter 'x'(.|\n)*Expected type: <class 'Float\[Tensor, 'T B N'\]'>"):
        sample_errors(x, x.transpose(0, 1))


def test_transposed_noise_for_the_kernel() -> None:
    """Noise with samples and positions exchanged does not reach the kernel, which would read past its end."""
    choices = Choices(channels=2)
    network = relaxed_network("sequential", "all", data_formation("blur", choices), choices)
    layout = network.layout
    weights = layout.initial_weights([torch.Generator().manual_seed(0)])
    mix = torch.full((1, 10, 4), 0.25)
    noise = torch.zeros(1, len(layout.noise_index), 50, 3)
    with pytest.raises(TypeCheckError, match="'noise'"):
        FusedForward(network)(weights, layout.initial_buffers(1), mix, torch.zeros(1, 3, 50), noise, True)


def test_transposed_matrix_in_a_dataclass() -> None:
    """The fields of a frozen dataclass are checked when it is made."""
    formation = data_formation("downsampling")
    with pytest.raises(TypeCheckError, match=r"Float\[Tensor, 'n N'\]"):
        replace(formation, matrix=formation.matrix.T)


def has_its_axes(parts: NamedTuple) -> bool:
    """Whether the parts have the axes that they are annotated with, of one size wherever they have one name."""
    hints = get_type_hints(type(parts), include_extras=True)
    with jaxtyped("context"):  # type: ignore[call-overload]
        return all(is_bearable(part, hint) for part, hint in zip(parts, hints.values(), strict=True))


def test_named_tuples_have_their_axes() -> None:
    """What the hook does not check by itself: the fields of a batch, of the weights and of the statistics."""
    choices = Choices(channels=2, merge_kernel_size=3)
    formation = data_formation("downsampling", choices)
    layout = relaxed_network("cell", "all", formation, choices).layout
    slots = len(layout.noise_index)
    batches = Batches(formation, [1, 2], "name", 3, [range(slots)] * 2, slots, "cpu")
    (batch,) = batches.draw(1)
    assert has_its_axes(batch)
    assert not has_its_axes(batch._replace(y=batch.y.transpose(1, 2)))
    assert has_its_axes(layout.views(torch.zeros(2, layout.size)))
    assert has_its_axes(layout.initial_buffers(2))


@pytest.mark.parametrize("name", annotated_modules())
def test_every_function_is_checked(name: str) -> None:
    """A module that annotates axes is instrumented, and its annotations resolve: jaxtyping skips those that do not."""
    found = functions(importlib.import_module(name))
    assert found
    for function in found:
        assert hasattr(function, "__wrapped__"), function.__qualname__
        get_type_hints(function)
