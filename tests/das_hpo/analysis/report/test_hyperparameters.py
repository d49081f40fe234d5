"""The part about hyperparameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from das_hpo.analysis.report.addresses import ReportAddresses
from das_hpo.analysis.report.hyperparameters import hyperparameters, importances
from das_hpo.analysis.report.run_data import RunData, read
from tests.das_hpo import frames

NOWHERE = ReportAddresses({})


def _data(url: str, *, noise: bool) -> RunData:
    frame = frames.optimisation("tuned")
    frame.attrs["hyperparameters"] = [name for name in frame.columns if name.startswith(("parameter_", "alpha_"))]
    if noise:
        frame["architecture_score"] = np.random.default_rng(0).normal(20, 1, len(frame))
    return replace(read(url, ["tuned"])[0], frame=frame)


def test_importance_is_drawn_by_budget_where_a_model_explains(url: str) -> None:
    """Each budget with enough evaluations has its bars; the learning rate, of which the scores are made, leads."""
    data = _data(url, noise=False)
    assert [result.budget for result in importances(data)] == [5.0]
    blocks = hyperparameters(data, NOWHERE)
    assert [block.title for block in blocks if block.kind == "plot"] == [
        "Importance of the hyperparameters", "Parallel coordinates",
    ]  # fmt: skip
    (bars,) = [b.chart["data"] for b in blocks if b.kind == "plot" and b.title.startswith("Importance")]
    assert bars[0]["y"][-1] == "parameter learning rate"


def test_no_importance_is_drawn_where_a_model_explains_nothing(url: str) -> None:
    """Scores that are noise: it is said, and only the parallel coordinates are drawn."""
    blocks = hyperparameters(_data(url, noise=True), NOWHERE)
    assert [block.kind for block in blocks] == ["text", "plot"]
    assert blocks[0].kind == "text"
    assert "0% at 5 epochs, from 54 evaluations" in blocks[0].text
    assert "so no importance is drawn" in blocks[0].text
