"""Whether the cells of the paper's tables were computed alike: by the same code, with the same further settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from das_hpo.analysis.comparison.agreement import PROBLEM
from das_hpo.analysis.reproduction.paper import Cell

if TYPE_CHECKING:
    import pandas

#: How many cells are named of each kind.
NAMED = 3


def mixed_trials(frames: Mapping[Cell, pandas.DataFrame]) -> list[str]:
    """A sentence for each thing in which trials differ that are shown and tested side by side; none if they agree.

    What a cell is (its space, operations, data and method) differs by intent. Old trials do not tell their code or
    settings, and are not mentioned.
    """
    said = []
    for what, column in (("the task's code", "fingerprint"), ("the task's settings", "settings")):
        holders: dict[str, list[str]] = {}
        for cell, frame in frames.items():
            values = frame[column].dropna().unique() if column in frame.columns else ()
            for value in dict.fromkeys(str(value) if column == "fingerprint" else _further(value) for value in values):
                holders.setdefault(value, []).append(cell.name)
        if len(holders) > 1:
            kinds = "; ".join(f"{value} ({_names(cells)})" for value, cells in holders.items())
            said.append(f"the trials differ in {what}, so that a difference between cells may come from that: {kinds}")
    return said


def _further(settings: Any) -> str:
    """The settings of the task without what makes a cell, as text."""
    values = json.loads(settings) if isinstance(settings, str) else dict(settings)
    return ", ".join(f"{name} {values[name]}" for name in sorted(values) if name not in (*PROBLEM, "method"))


def _names(cells: list[str]) -> str:
    more = f" and {len(cells) - NAMED} more" if len(cells) > NAMED else ""
    return ", ".join(cells[:NAMED]) + more
