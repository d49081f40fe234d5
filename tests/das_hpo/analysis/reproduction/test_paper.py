"""The paper's experiments as cells, and its published numbers."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest

from das_hpo.analysis.reproduction import paper
from das_hpo.analysis.reproduction.paper import Cell
from das_hpo.settings import check_run_name
from spaces.errors import UnknownNameError
from spaces.hyperparameters import PRESETS


def test_every_published_number_is_in_a_row_once() -> None:
    """Each triple of maximum, mean and median of the shipped file."""
    package = resources.files("das_hpo.analysis.reproduction")
    shipped = json.loads(package.joinpath("data/paper_tables.json").read_text(encoding="utf-8"))

    def triples(value: object) -> list[tuple[float, ...]]:
        if isinstance(value, dict):
            return [found for inner in value.values() for found in triples(inner)]
        return [tuple(value)] if isinstance(value, list) and len(value) == 3 else []

    for table in paper.TABLES:
        rows = paper.published_rows(table)
        assert sorted((row.maximum, row.mean, row.median) for row in rows) == sorted(triples(shipped[table]))
        assert len({(row.label, row.cell) for row in rows}) == len(rows)
        assert all(row.maximum >= row.median for row in rows)
    with pytest.raises(UnknownNameError, match="unknown table 'table5': valid are table1"):
        paper.published_rows("table5")


def test_rows_and_cells_of_table_1() -> None:
    """Numbers as printed in the paper: DAS has a median of 18.57 dB on all operations, of 21.6 dB on good ones."""
    rows = {(row.cell.operations, row.cell.data, row.label): row for row in paper.published_rows("table1")}
    assert rows["all", "blur", "das"].median == 18.57
    assert rows["good", "blur", "das"].median == 21.6
    assert rows["all", "blur", "random-search"].cell.source == Cell("sequential", "all", "blur", "random")


def test_every_target_has_cells_that_can_be_computed() -> None:
    """Of presets that there are, under names that runs may have."""
    for target in paper.TARGETS:
        cells = paper.cells_of(target)
        assert len(set(cells)) == len(cells)
        assert cells
        for cell in cells:
            assert cell.preset in PRESETS
            assert cell.method != "random-search"
            check_run_name(f"paper-{cell.name}")
            assert re.fullmatch(r"[A-Za-z0-9-]{1,58}", cell.name)
    with pytest.raises(UnknownNameError, match="unknown table or figure 'figure1'"):
        paper.cells_of("figure1")


def test_tables_share_cells() -> None:
    """The DAS of Table 1 is the H1 of Table 3, so that nothing is computed twice."""
    assert Cell("sequential", "all", "blur") in set(paper.cells_of("table1")) & set(paper.cells_of("table3"))


def test_what_an_incumbent_is_compared_with() -> None:
    """The published hyperparameters and H1 on its own problem; two of the six are exchanged between data formations."""
    campaign = paper.BOHB_CAMPAIGNS[3]
    assert [cell.name for cell in campaign.cells] == [
        "sequential-all-blur-das-single-BOHB-DAS-single",
        "sequential-all-blur-das-single-H1",
    ]
    exchanged = [campaign.preset for campaign in paper.BOHB_CAMPAIGNS if campaign.transfers]
    assert exchanged == ["BOHB-one-shot-Blur", "BOHB-one-shot-DS"]
