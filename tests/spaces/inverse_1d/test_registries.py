"""The registries: every entry can be imported, and what is not valid is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.hyperparameters import HYPERPARAMETERS, PRESETS
from spaces.inverse_1d.registries import (
    DATA_FORMATIONS,
    METHODS,
    OPERATIONS,
    REGISTRIES,
    SEARCH_SPACES,
    Method,
    Operation,
    SearchSpace,
    check_registries,
    entry,
)
from spaces.references import resolve
from tests.plugins.isolation import registries_as_they_are


def test_every_reference_leads_to_something() -> None:
    """What entries name as text can be imported."""
    for operation in OPERATIONS.values():
        assert operation.forward is None or callable(resolve(operation.forward))
    for space in SEARCH_SPACES.values():
        assert callable(resolve(space.network))
    for formation in DATA_FORMATIONS.values():
        assert callable(resolve(formation))
    for method in METHODS.values():
        for piece in (method.relaxation, method.update, method.selection, method.weights):
            assert callable(resolve(piece))
        assert method.preset is None or method.preset in PRESETS
        assert set(method.searched or ()) <= set(HYPERPARAMETERS)
    check_registries()


@pytest.mark.parametrize(
    ("noun", "name", "value", "error", "match"),
    [
        ("operation", "a,b", Operation(None), InvalidValueError, "'a,b' cannot name an entry of the kind operation"),
        ("operation", "own", print, InvalidValueError, "the operation 'own' must be registered as a Operation, got"),
        ("operations", "own", ("net", "net"), InvalidValueError, "'own' must be a tuple of different names"),
        ("operations", "own", ("net", "x"), UnknownNameError, "unknown operation of the set own 'x': valid are learn"),
        ("space", "own", SearchSpace(0, 1, "a:b"), InvalidValueError, "'own' needs groups and size of 1 or more"),
        ("space", "own", SearchSpace(1, 1, "a:b", ("x",)), UnknownNameError, "unknown operation of the space own 'x'"),
        ("method", "own", Method("a:b", "a:b", "a:b", spaces=("x",)), UnknownNameError, "unknown space 'x'"),
    ],
    ids=["name", "type", "twice", "operation", "size", "extra", "spaces"],
)
def test_invalid_entries(noun: str, name: str, value: Any, error: type[Exception], match: str) -> None:
    """An entry that cannot be right is refused before any work."""
    with registries_as_they_are():
        REGISTRIES[noun][name] = value
        with pytest.raises(error, match=match):
            check_registries()


def test_unknown_entries_list_the_valid_ones() -> None:
    """And say that a plug-in may add others."""
    with pytest.raises(UnknownNameError, match="unknown space 'tree': valid are sequential, cell; others are"):
        entry("space", SEARCH_SPACES, "tree")


@pytest.mark.parametrize("reference", ["nowhere:x", "spaces.seeds:nothing", "spaces.seeds", ""])
def test_references_to_nothing(reference: str) -> None:
    """A reference that leads nowhere says how one is written."""
    with pytest.raises(InvalidValueError, match=r"write package\.module:name"):
        resolve(reference)
