"""The sections over all runs."""

from __future__ import annotations

import numpy as np

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.lookup import load_subjects
from das_hpo.analysis.report.addresses import ReportAddresses
from das_hpo.analysis.report.overview import overview
from das_hpo.analysis.report.run import part
from das_hpo.analysis.report.run_data import read

NOWHERE = ReportAddresses({})


def test_distributions_are_summarised(url: str) -> None:
    """The median is numpy's, and a diverged trial is in no number but its own."""
    sections = {section.anchor: section for section in overview(read(url, ["h1", "h2"]), NOWHERE)}
    (table,) = [block for block in sections["distributions"].blocks if block.kind == "grid"]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    (h1, h2) = read(url, ["h1", "h2"])
    assert float(rows["h1"]["median"]) == round(float(np.median(h1.trials["architecture_score"])), 2)
    assert (rows["h2"]["trials"], rows["h2"]["diverged"]) == ("12", "1")
    assert float(rows["h2"]["max"]) == round(float(h2.trials["architecture_score"].max()), 2)


def test_the_comparison_is_that_of_the_command(url: str) -> None:
    """The same p value for the same pair."""
    sections = {section.anchor: section for section in overview(read(url, ["h1", "h2"]), NOWHERE)}
    table, _ = [block for block in sections["comparison"].blocks if block.kind == "grid"]
    (expected,) = compare_subjects(load_subjects(url, ["h1", "h2"])).comparisons
    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["A"], row["B"], row["test"]) == ("h1", "h2", expected.test)
    assert float(row["p"]) == float(f"{expected.p_value:.4g}")


def test_a_run_alone_is_not_compared(url: str) -> None:
    """There is no comparison of one, and no distribution of a run without results."""
    assert [section.anchor for section in overview(read(url, ["h1"]), NOWHERE)] == [
        "conclusion", "runs", "distributions",
    ]  # fmt: skip
    assert [section.anchor for section in overview(read(url, ["nothing-yet"]), NOWHERE)] == ["conclusion", "runs"]


def test_the_margin_is_in_the_sentences(url: str) -> None:
    """The default of the metric, and what is asked for."""
    for margin, said in ((None, "Differences of less than 0.25 dB"), (0.5, "Differences of less than 0.5 dB")):
        sections = {section.anchor: section for section in overview(read(url, ["h1", "h2"]), NOWHERE, margin)}
        (items,) = [block for block in sections["comparison"].blocks if block.kind == "items"]
        assert any(sentence.startswith(said) for sentence in items.items)


def test_the_conclusion_comes_first(url: str) -> None:
    """The verdict, then a sentence on each run, before the table of runs and everything else."""
    first = overview(read(url, ["h1", "h2"]), NOWHERE)[0]
    assert first.title == "What came out"
    (said,) = first.blocks
    assert said.kind == "items"
    assert said.items[0].startswith("h1 against h2: ")
    assert [sentence.split(":")[0] for sentence in said.items[1:]] == ["h1", "h2"]


def test_each_objective_has_its_own_chart_of_progress(url: str) -> None:
    """One-shot and architecture scores share no axis."""
    sections = {section.anchor: section for section in overview(read(url, ["tuned", "one-shot-only"]), NOWHERE)}
    charts = [block for block in sections["progress"].blocks if block.kind == "plot"]
    assert [graph.title for graph in charts] == [
        "Best architecture PSNR so far over evaluations", "Best architecture PSNR so far over time",
        "Best one-shot PSNR so far over evaluations", "Best one-shot PSNR so far over time",
    ]  # fmt: skip


def test_one_correlation_stands_everywhere(url: str) -> None:
    """That of a run's own section, at its largest budget, is that of the comparison: budgets are not pooled."""
    data = read(url, ["tuned", "h1"])
    sections = {section.anchor: section for section in overview(data, NOWHERE)}
    *_, related = [block for block in sections["comparison"].blocks if block.kind == "grid"]
    own = [block for block in part("scatter", data[0], NOWHERE) if block.kind == "grid"]
    assert related.rows[0][0] == "tuned"
    assert related.rows[0][2] == own[0].rows[0][1]
    assert related.rows[0][5] == own[0].rows[0][5] == "3"
