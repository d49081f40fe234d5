"""The entry of a method, and the hyperparameters of its own."""

from __future__ import annotations

from typing import Any

import pytest

from spaces.errors import InvalidValueError
from spaces.inverse_1d.method import Method, OwnHyperparameter


@pytest.mark.parametrize(
    ("default", "values", "match"),
    [
        (1.0, {}, "needs low and high, finite numbers"),
        (2, {"low": 0.5, "high": 3}, "needs low and high, whole numbers"),
        (1.0, {"low": 2.0, "high": 1.0}, "low below high"),
        (1.0, {"low": 0.0, "high": 1.0, "log": True}, "above 0 on a logarithmic scale"),
        ("a", {"values": ("a",)}, "two values or more"),
        ("c", {"values": ("a", "b")}, "takes one of a, b, got 'c'"),
    ],
    ids=["bounds", "whole", "order", "log", "one", "other"],
)
def test_what_does_not_fit_together_is_refused(default: Any, values: dict[str, Any], match: str) -> None:
    """In one line, with what is valid."""
    with pytest.raises(InvalidValueError, match=match):
        OwnHyperparameter(default, **values)


def test_a_method_has_fresh_weights_and_no_regulariser_by_default() -> None:
    """Three pieces are enough."""
    made = Method(relaxation="a:b", update="a:c", selection="a:d")
    assert (made.weights, made.regulariser) == ("workers.methods.fresh:fresh_weights", None)
    assert (made.spaces, made.searched, made.preset, dict(made.hyperparameters)) == (None, None, None, {})
