"""The methods that ship: docs/methods.md has a row for each, with every hyperparameter and its range."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.inverse_1d.methods import METHODS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "methods.md").read_text()


def test_das_and_darts_are_one_entry() -> None:
    """The paper's name and its authors' are the same method."""
    assert METHODS["darts"] is METHODS["das"]


@pytest.mark.parametrize("method", METHODS)
def test_the_document_has_every_method(method: str) -> None:
    """Its row, its line in the table of times, and a row for each hyperparameter with the default and the range."""
    assert DOCUMENT.count(f"| `{method}` |") >= 2
    for name, own in METHODS[method].hyperparameters.items():
        assert own.source
        span = f"{own.low:g} to {own.high:g}" if own.is_number else ", ".join(map(str, own.values))
        default = f"{own.default:g}" if isinstance(own.default, float) else str(own.default)
        assert f"| `{method}` | `{name}` | {default} | {span}" in DOCUMENT
