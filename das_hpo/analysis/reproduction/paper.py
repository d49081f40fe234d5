"""The paper's experiments: which trials each table and figure is made of, and its published numbers.

A cell is one sample of trials: a space, a set of operations, a data formation, a method, a preset. Tables
and figures share cells (Table 3's H1 is Table 1's DAS), so that nothing is computed twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from spaces.errors import UnknownNameError

#: Methods that train given architectures and search nothing (section 5.2).
BASELINES = ("learnable-gradient-only", "net-only", "random", "random-search")

#: Random architectures that the paper trained in the time of one DAS run (section 5.2).
RANDOM_SEARCH_DRAWS = 5

TABLES = ("table1", "table2", "table3", "table4")
DATA = ("blur", "downsampling")
OPERATIONS = ("good", "all")


@dataclass(frozen=True, slots=True)
class Cell:
    """One sample of trials.

    Attributes:
        space: ``sequential`` or ``cell``.
        operations: ``good`` or ``all``.
        data: ``blur`` or ``downsampling``.
        method: ``das``, ``das-single`` or one of :data:`BASELINES`.
        preset: Name of the hyperparameters; a baseline uses the retraining's part of them.
    """

    space: str
    operations: str
    data: str
    method: str = "das"
    preset: str = "H1"

    @property
    def name(self) -> str:
        """A name of at most 58 characters that a run's name may contain."""
        return f"{self.space}-{self.operations}-{self.data}-{self.method}-{self.preset}"

    @property
    def label(self) -> str:
        """How the paper's tables name the row: the method, or the preset of a DAS."""
        return self.method if self.method != "das" else self.preset

    @property
    def source(self) -> Cell:
        """The cell whose trials are computed: random search is the best of several random architectures."""
        if self.method != "random-search":
            return self
        return Cell(self.space, self.operations, self.data, "random", self.preset)


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row and data formation of a published table.

    Attributes:
        table: ``table1`` to ``table4``.
        label: The row's name there.
        cell: Its trials.
        maximum: Published maximum of the architecture PSNR, in dB.
        mean: Published mean, in dB.
        median: Published median, in dB.
        trials: Trials behind them.
    """

    table: str
    label: str
    cell: Cell
    maximum: float
    mean: float
    median: float
    trials: int


@dataclass(frozen=True, slots=True)
class PublishedPanel:
    """One scatter plot of a figure: samples that share axes.

    Attributes:
        title: What is said above it.
        cells: Samples with their legend.
    """

    title: str
    cells: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """One optimisation whose incumbent is a preset of Tables 7 and 8.

    Attributes:
        preset: The preset the paper found by it.
        space: ``sequential`` or ``cell``.
        operations: The paper does not say which. ``good``, as BOHB-Blur of Table 3 is the best there and falls to
            8 dB on ``all``; ``all`` for DAS-single, which Figure 5 shows on ``all``.
        data: ``blur`` or ``downsampling``.
        method: ``das`` or ``das-single``.
        objective: ``one-shot`` or ``architecture``.
    """

    preset: str
    space: str
    operations: str
    data: str
    method: str
    objective: str

    @property
    def cells(self) -> tuple[Cell, Cell]:
        """With what the incumbent is compared on its own problem: the published hyperparameters, and H1."""
        published, by_hand = (
            Cell(self.space, self.operations, self.data, self.method, preset) for preset in (self.preset, "H1")
        )
        return published, by_hand

    @property
    def transfers(self) -> bool:
        """Whether the same was tuned on the other data formation, so that the two can be exchanged (section 5.3)."""
        same = (self.space, self.operations, self.method, self.objective)
        return any(
            other.data != self.data and (other.space, other.operations, other.method, other.objective) == same
            for other in BOHB_CAMPAIGNS
        )


BOHB_CAMPAIGNS: tuple[Campaign, ...] = (
    Campaign("BOHB-one-shot-Blur", "sequential", "good", "blur", "das", "one-shot"),
    Campaign("BOHB-one-shot-DS", "sequential", "good", "downsampling", "das", "one-shot"),
    Campaign("BOHB-Blur", "sequential", "good", "blur", "das", "architecture"),
    Campaign("BOHB-DAS-single", "sequential", "all", "blur", "das-single", "one-shot"),
    Campaign("BOHB-Non-Seq-one-shot-Blur", "cell", "good", "blur", "das", "one-shot"),
    Campaign("BOHB-Non-Seq-Blur", "cell", "good", "blur", "das", "architecture"),
)


def _panel(title: str, space: str, data: str, preset: str) -> PublishedPanel:
    cells = tuple(
        (f"{operations} operations", Cell(space, operations, data, "das", preset)) for operations in OPERATIONS
    )
    return PublishedPanel(title, cells)


def _all(preset: str, method: str) -> Cell:
    return Cell("sequential", "all", "blur", method, preset)


#: The scatter plots, in the paper's order from left to right and top to bottom.
FIGURES: dict[str, tuple[PublishedPanel, ...]] = {
    "figure3": tuple(_panel(f"{data}, H1", "sequential", data, "H1") for data in DATA),
    "figure4": (
        _panel("blur, BOHB-one-shot-Blur", "sequential", "blur", "BOHB-one-shot-Blur"),
        _panel("downsampling, BOHB-one-shot-DS", "sequential", "downsampling", "BOHB-one-shot-DS"),
        _panel("blur, BOHB-Blur", "sequential", "blur", "BOHB-Blur"),
        _panel("downsampling, BOHB-Blur", "sequential", "downsampling", "BOHB-Blur"),
    ),
    "figure5": (
        PublishedPanel(
            "blur, all operations, BOHB-DAS-single for both",
            (("DAS", _all("BOHB-DAS-single", "das")), ("DAS-single", _all("BOHB-DAS-single", "das-single"))),
        ),
        PublishedPanel(
            "blur, all operations, each with its own BOHB",
            (("DAS", _all("BOHB-one-shot-Blur", "das")), ("DAS-single", _all("BOHB-DAS-single", "das-single"))),
        ),
    ),
    "figure6": tuple(_panel(f"cell space, blur, {preset}", "cell", "blur", preset) for preset in ("H1", "H2")),
    "figure7": tuple(
        _panel(f"cell space, blur, {preset}", "cell", "blur", preset)
        for preset in ("BOHB-one-shot-Blur", "BOHB-one-shot-DS", "BOHB-Blur")
    ),
    "figure8": tuple(
        _panel(f"cell space, blur, {preset}", "cell", "blur", preset)
        for preset in ("BOHB-Non-Seq-one-shot-Blur", "BOHB-Non-Seq-Blur")
    ),
}

#: The drawn architectures (appendix A), top first.
FIGURE9: tuple[Cell, ...] = (Cell("cell", "all", "blur"), Cell("cell", "good", "blur"))

#: The presets of Table 3.
TABLE3_PRESETS = ("H1", "H2", "BOHB-one-shot-Blur", "BOHB-one-shot-DS", "BOHB-Blur")

#: The cells whose architectures are trained again, to tell the variance of the search from that of the retraining.
VARIANCE_CELLS: tuple[Cell, ...] = tuple(Cell("sequential", o, d) for o in OPERATIONS for d in DATA)

#: The cells on which the paper's findings are tested (das_hpo/analysis/reproduction/findings.py).
FINDINGS_CELLS: tuple[Cell, ...] = (
    *(Cell("sequential", o, d, "das", preset) for preset in TABLE3_PRESETS for o in OPERATIONS for d in DATA),
    *(Cell("sequential", o, d, "random") for o in OPERATIONS for d in DATA),
    *(Cell("cell", o, d) for o in OPERATIONS for d in DATA),
    _all("BOHB-DAS-single", "das-single"),
)

#: Everything ``reproduce`` knows, in the order of ``all``.
TARGETS = (*TABLES, *FIGURES, "figure9", "variance", "findings", "bohb")


@cache
def published() -> dict[str, Any]:
    """The paper's numbers as shipped in das_hpo/analysis/reproduction/data/paper_tables.json."""
    text = (
        resources.files("das_hpo.analysis.reproduction").joinpath("data/paper_tables.json").read_text(encoding="utf-8")
    )
    numbers: dict[str, Any] = json.loads(text)
    return numbers


def published_rows(table: str) -> tuple[PublishedRow, ...]:
    """The rows of a published table, each once per data formation, in the paper's order.

    Raises:
        UnknownNameError: If there is no such table of PSNRs.
    """
    if table not in TABLES:
        raise UnknownNameError("table", table, TABLES)
    numbers = published()[table]
    space, trials = numbers["space"], int(numbers["trials"])
    rows = []
    if table in ("table1", "table2"):
        for operations in OPERATIONS:
            for method, by_data in numbers[operations].items():
                for data, values in by_data.items():
                    rows.append(_row(table, method, Cell(space, operations, data, method), values, trials))
        return tuple(rows)
    for data in DATA:
        for preset, by_operations in numbers.get(data, {}).items():
            for operations, values in by_operations.items():
                rows.append(_row(table, preset, Cell(space, operations, data, "das", preset), values, trials))
    return tuple(rows)


def _row(table: str, label: str, cell: Cell, values: list[float], trials: int) -> PublishedRow:
    maximum, mean, median = values
    return PublishedRow(table, label, cell, maximum, mean, median, trials)


def cells_of(target: str) -> tuple[Cell, ...]:
    """The cells whose trials a table or figure needs, each once; ``bohb`` has trials of its own besides.

    Raises:
        UnknownNameError: For an unknown target.
    """
    if target in TABLES:
        cells = [row.cell for row in published_rows(target)]
    elif target in FIGURES:
        cells = [cell for panel in FIGURES[target] for _, cell in panel.cells]
    elif target == "figure9":
        cells = list(FIGURE9)
    elif target == "variance":
        cells = list(VARIANCE_CELLS)
    elif target == "findings":
        cells = list(FINDINGS_CELLS)
    elif target == "bohb":
        cells = [cell for campaign in BOHB_CAMPAIGNS for cell in campaign.cells]
    else:
        raise UnknownNameError("table or figure", target, (*TARGETS, "all"))
    return tuple(dict.fromkeys(cell.source for cell in cells))
