"""``das-hpo presets``: the paper's presets in every format."""

from __future__ import annotations

import csv
import io
import json

from spaces.hyperparameters import HYPERPARAMETERS, PRESETS
from tests.das_hpo.command import das_hpo


def test_presets_are_those_of_the_registry() -> None:
    """Every value, as JSON and as CSV; the table names all of them and fits a terminal."""
    expected = {name: values.to_dict() for name, values in PRESETS.items()}
    found = {row.pop("preset"): row for row in json.loads(das_hpo("presets", "-f", "json").stdout)}
    assert found == expected
    rows = list(csv.DictReader(io.StringIO(das_hpo("presets", "-f", "csv").stdout)))
    assert {row["preset"]: float(row["alpha_learning_rate"]) for row in rows} == {
        name: values["alpha_learning_rate"] for name, values in expected.items()
    }
    table = das_hpo("presets").stdout
    assert all(name in table for name in (*PRESETS, *HYPERPARAMETERS))
    assert max(len(line) for line in table.splitlines()) <= 120
