"""The trials of the paper's cells in a file of exported results, such as docs/results/trials.csv.gz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from das_hpo.analysis.comparison.rows import matching
from das_hpo.analysis.reproduction import paper, tuning
from das_hpo.analysis.reproduction.plan import Plan
from das_hpo.analysis.reproduction.tuning import Tuned
from das_hpo.analysis.statistics.samples import finished
from das_hpo.campaigns.campaign import RANDOM, RETRAINING
from spaces.errors import InvalidValueError
from spaces.hyperparameters import PRESETS

if TYPE_CHECKING:
    import pandas

#: What a file of results has to have; one of before there were other tasks has no column of scores.
_NEEDED = ("run", "space", "operations", "data", "method", "budget", "status", "seed", "one_shot_psnr")


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file has of the cells that are asked for.

    Attributes:
        frames: The finished trials of each cell, as :func:`das_hpo.analysis.reproduction.plan.load_cells` gives them.
        retrained: The finished trainings of the architectures of each cell of ``variance``.
        tuned: What there is of each optimisation of ``bohb``.
    """

    frames: dict[paper.Cell, pandas.DataFrame]
    retrained: dict[paper.Cell, pandas.DataFrame]
    tuned: dict[paper.Campaign, Tuned] = field(default_factory=dict)


def read(path: Path, plan: Plan, cells: Sequence[paper.Cell]) -> Exported:
    """Reads the trials of cells from a file that ``das-hpo export`` wrote as CSV, compressed or not.

    Args:
        path: The file.
        plan: How many trials of how many epochs each cell has; what it sets besides is not looked at.
        cells: Whose trials.

    Raises:
        InvalidValueError: If the file cannot be read, is no such table, or has several campaigns of one cell.
    """
    import pandas

    try:
        rows = pandas.read_csv(path, low_memory=False)
    except OSError as error:
        raise InvalidValueError(f"the file of trials {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise InvalidValueError(
            f"{path} is no table of results as das-hpo export -o FILE.csv writes it: {error}"
        ) from None
    missing = [name for name in _NEEDED if name not in rows.columns]
    if missing:
        raise InvalidValueError(f"{path} is no table of results: it lacks the columns {', '.join(missing)}")
    for score in ("one_shot", "architecture"):
        if f"{score}_score" not in rows.columns:
            rows[f"{score}_score"] = rows[f"{score}_psnr"]
    tuned = tuning.read(rows, plan)
    rows = finished(rows[rows["budget"] == plan.epochs])
    frames, retrained = {}, {}
    for cell in cells:
        found = _of_cell(rows, cell, cell.method, path)
        found = found[found["iteration" if cell.method == RANDOM else "replicate"] < plan.trials]
        if len(found):
            frames[cell] = found
    for cell in paper.VARIANCE_CELLS:
        again = _of_cell(rows, cell, RETRAINING, path)
        if len(again):
            retrained[cell] = again
    return Exported(frames, retrained, tuned)


def _of_cell(rows: pandas.DataFrame, cell: paper.Cell, method: str, path: Path) -> pandas.DataFrame:
    """The rows of one cell, which all belong to one campaign."""
    wanted = {"space": cell.space, "operations": cell.operations, "data": cell.data, "method": method}
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    rows = matching(rows, PRESETS[cell.preset].to_dict())
    campaigns = sorted(set(rows["run"]))
    if len(campaigns) > 1:
        raise InvalidValueError(
            f"{path} has several campaigns of {cell.name} ({', '.join(campaigns)}): export those that are meant alone"
        )
    return rows
