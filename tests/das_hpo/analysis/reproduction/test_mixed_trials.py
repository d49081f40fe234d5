"""Cells that were computed otherwise than others are named."""

import json

import pandas

from das_hpo.analysis.reproduction.mixed_trials import mixed_trials
from das_hpo.analysis.reproduction.paper import Cell


def _rows(code: str | None, **settings: object) -> pandas.DataFrame:
    return pandas.DataFrame({"fingerprint": [code] * 3, "settings": [json.dumps(settings)] * 3})


def test_cells_of_other_code_or_settings_are_named() -> None:
    """Their space, operations and data differ by intent; old trials do not tell their code."""
    good, every = Cell("sequential", "good", "blur"), Cell("sequential", "all", "blur")
    alike = {good: _rows("a", operations="good", channels=8), every: _rows("a", operations="all", channels=8)}
    assert mixed_trials(alike) == mixed_trials({}) == mixed_trials({good: pandas.DataFrame({"seed": [1]})}) == []
    assert mixed_trials({**alike, every: _rows(None, operations="all", channels=8)}) == []
    (code,) = mixed_trials({**alike, every: _rows("b", operations="all", channels=8)})
    assert code == (
        "the trials differ in the task's code, so that a difference between cells may come from that: "
        f"a ({good.name}); b ({every.name})"
    )
    (settings,) = mixed_trials({**alike, every: _rows("a", operations="all", channels=16)})
    assert f"channels 8 ({good.name}); channels 16 ({every.name})" in settings
