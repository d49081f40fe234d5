"""The sections over all runs."""

from __future__ import annotations

import numpy as np

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.lookup import load_subjects
from das_hpo.analysis.report.overview import overview
from das_hpo.analysis.report.run_data import read


def test_distributions_are_summarised(url: str) -> None:
    """The median is numpy's, and a diverged trial is in no number but its own."""
    sections = {section.anchor: section for section in overview(read(url, ["h1", "h2"]))}
    (table,) = [block for block in sections["distributions"].blocks if block.kind == "grid"]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    (h1, h2) = read(url, ["h1", "h2"])
    assert float(rows["h1"]["median"]) == round(float(np.median(h1.trials["architecture_score"])), 2)
    assert (rows["h2"]["trials"], rows["h2"]["diverged"]) == ("12", "1")
    assert float(rows["h2"]["max"]) == round(float(h2.trials["architecture_score"].max()), 2)


def test_the_comparison_is_that_of_the_command(url: str) -> None:
    """The same p value for the same pair."""
    sections = {section.anchor: section for section in overview(read(url, ["h1", "h2"]))}
    (table,) = [block for block in sections["comparison"].blocks if block.kind == "grid"]
    (expected,) = compare_subjects(load_subjects(url, ["h1", "h2"])).comparisons
    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["A"], row["B"], row["test"]) == ("h1", "h2", expected.test)
    assert float(row["p"]) == float(f"{expected.p_value:.4g}")


def test_a_run_alone_is_not_compared(url: str) -> None:
    """There is no comparison of one, and no distribution of a run without results."""
    assert [section.anchor for section in overview(read(url, ["h1"]))] == ["runs", "distributions"]
    assert [section.anchor for section in overview(read(url, ["nothing-yet"]))] == ["runs", "progress"]


def test_the_margin_is_in_the_sentences(url: str) -> None:
    """The default of the metric, and what is asked for."""
    for margin, said in ((None, "Differences of less than 0.25 dB"), (0.5, "Differences of less than 0.5 dB")):
        sections = {section.anchor: section for section in overview(read(url, ["h1", "h2"]), margin)}
        (items,) = [block for block in sections["comparison"].blocks if block.kind == "items"]
        assert any(sentence.startswith(said) for sentence in items.items)
