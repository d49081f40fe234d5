"""The reproduced tables: every published number finds its place, differences and intervals are right."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from das_hpo.analysis.reproduction import paper, tables
from das_hpo.analysis.statistics import summarise
from das_hpo.output import render
from spaces.errors import UnknownNameError
from spaces.hyperparameters import PRESETS


def test_the_published_tables_as_printed() -> None:
    """Rows counted and spot-checked against the paper's text."""
    counts = {table: len(paper.published_rows(table)) for table in paper.TABLES}
    assert counts == {"table1": 16, "table2": 12, "table3": 20, "table4": 14}
    rows = {(r.label, r.cell.operations, r.cell.data): r for r in paper.published_rows("table1")}
    das = rows["das", "all", "blur"]
    assert (das.maximum, das.mean, das.median, das.trials) == (22.86, 15.64, 18.57, 75)
    rows = {(r.label, r.cell.operations): r for r in paper.published_rows("table4")}
    last = rows["BOHB-Non-Seq-Blur", "good"]
    assert (last.maximum, last.mean, last.median) == (16.74, 9.73, 8.11)
    assert last.cell.space == "cell"


def test_tables_share_cells() -> None:
    """Table 3's H1 is Table 1's DAS; random search is made of the random trials; names are valid run names."""
    assert set(paper.cells_of("table3")) & set(paper.cells_of("table1")) == {
        paper.Cell("sequential", operations, data)
        for operations in ("good", "all")
        for data in ("blur", "downsampling")
    }
    assert all(cell.method != "random-search" for cell in paper.cells_of("table1"))
    assert len(paper.cells_of("table1")) == 12
    everything = {cell for target in paper.TARGETS for cell in paper.cells_of(target)}
    assert len({cell.name for cell in everything}) == len(everything)
    assert max(len(cell.name) for cell in everything) <= 58
    assert {cell.preset for cell in everything} <= set(PRESETS)
    assert {campaign.preset for campaign in paper.BOHB_CAMPAIGNS} == set(PRESETS) - {"H1", "H2"}
    with pytest.raises(UnknownNameError, match="figure9"):
        paper.cells_of("table9")


def test_the_shipped_numbers_name_the_presets() -> None:
    """The presets of the data file are those of the code."""
    shipped = paper.published()["presets"]
    assert {name: values.to_dict() for name, values in PRESETS.items()} == shipped


def test_a_row_beside_the_paper() -> None:
    """Maximum, mean, median, intervals and differences of a sample with a diverged trial, the worst in the median."""
    published = paper.published_rows("table1")[4]
    values = [20.0, 21.0, None, 22.0, 23.5, 20.5, 22.5]
    row = tables.row(published, tables.Sample(values, 3.0))
    summary = summarise(values)
    assert (row.trials, row.diverged, row.duration_s) == (7, 1, 3.0)
    assert (row.maximum, row.mean, row.median) == (23.5, pytest.approx(129.5 / 6), 21.0)
    assert row.median_interval == summary.median_interval
    record = json.loads(render(tables.as_table([row]), "json"))[0]
    assert record["median_diff"] == pytest.approx(21.0 - published.median)
    assert record["median_agrees"] is None  # of seven trials the interval would begin at the diverged one
    more = tables.as_table([tables.row(published, tables.Sample([*values, 21.6, 21.7, 21.8, 22.1, 22.2], 3.0))])
    assert json.loads(render(more, "json"))[0]["median_agrees"] is True
    assert record["max_paper"] == published.maximum


def test_random_search_is_the_best_of_five() -> None:
    """Of exactly five random trials it is their maximum; of fewer there is none; time is five draws'."""
    published = next(r for r in paper.published_rows("table1") if r.label == "random-search")
    five = tables.row(published, tables.Sample([10.0, 12.0, 9.0, None, 11.0], 2.0))
    assert (five.mean, five.median, five.maximum, five.duration_s) == (12.0, 12.0, 12.0, 10.0)
    four = tables.row(published, tables.Sample([10.0, 12.0, 9.0, 11.0]))
    assert math.isnan(four.mean)
    assert four.median_agrees is None
    many = tables.row(published, tables.Sample(np.random.default_rng(0).normal(20, 2, 75)))
    assert many.mean > 21
    assert many.mean in many.mean_interval


def test_a_table_without_trials_still_shows_the_paper() -> None:
    """Missing cells are dashes beside the published numbers, in every format."""
    rows = tables.rows("table2", {})
    text = render(tables.as_reading_table(rows), "table")
    assert "15.34" in text
    assert "nan" not in text.lower()
    records = json.loads(render(tables.as_table(rows), "json"))
    assert records[0]["median"] is None
    assert records[0]["trials"] == 0


def test_failed_evaluations_are_no_trials() -> None:
    """Queued, running and failed rows do not count; diverged ones do."""
    frame = pd.DataFrame(
        {
            "status": ["completed", "diverged", "failed", "queued", "running"],
            "architecture_psnr": [20.0, np.nan, np.nan, np.nan, np.nan],
            "duration_s": [2.0, 1.0, 9.0, np.nan, np.nan],
        }
    )
    sample = tables.sample_of(frame)
    assert len(sample.values) == 2
    assert sample.duration_s == 1.5


def test_the_data_file_is_packaged() -> None:
    """The published numbers lie inside the package."""
    assert (Path(paper.__file__).parent / "data" / "paper_tables.json").is_file()
