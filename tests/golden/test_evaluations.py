"""Twenty evaluations that were computed before parts of the problem became plug-ins, computed again."""

import json
from typing import Any

import pytest

from spaces.hyperparameters import Hyperparameters
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.trial import InverseTrial
from tests.golden.evaluations import PATH, evaluate, machine

TABLE = json.loads(PATH.read_text())

#: Of numbers from another CPU, or other versions of torch and numba: rounding alone, over at most 19 steps. Scores
#: agree to 1e-4 dB; alpha to 3e-3 only, as Adam divides a gradient that is next to nothing by its own size.
RELATIVE, ABSOLUTE = 1e-3, 1e-2


def close(found: Any, stored: Any) -> Any:
    """What is stored, its floating-point numbers within the tolerance."""
    if isinstance(stored, dict):
        return {key: close(found, value) for key, value in stored.items()}
    if isinstance(stored, list):
        return [close(found, value) for value in stored]
    return pytest.approx(stored, rel=RELATIVE, abs=ABSOLUTE) if isinstance(stored, float) else stored


def read(values: dict[str, Any]) -> InverseTrial:
    """A trial of the table."""
    points = Hyperparameters.from_mapping(values["hyperparameters"])
    return InverseTrial(**{**values, "hyperparameters": points, "choices": Choices.from_mapping(values["choices"])})


@pytest.mark.parametrize("row", TABLE["evaluations"], ids=range(len(TABLE["evaluations"])))
def test_evaluations_are_what_they_were(row: dict[str, Any]) -> None:
    """The same numbers bit for bit on the kind of machine that made the table, within rounding on any other."""
    spec = read(row["spec"])
    found = evaluate(spec, row["kernel"])
    assert found["kernel"] == row["kernel"]
    if machine() == TABLE["machine"]:
        assert found == row["outcome"]
    else:
        assert found == close(found, row["outcome"])
