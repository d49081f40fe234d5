"""What a comparison is as names and values."""

from __future__ import annotations

import math

from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.replicates import group_subject
from das_hpo.commands.comparison_records import comparison_record, equal_cost_records, in_json, unknown
from tests.das_hpo.analysis.comparison.samples import HIGH, LOW, incumbent_of


def test_infinities_are_texts_and_unknown_numbers_null() -> None:
    """JSON has neither."""
    assert in_json({"a": -math.inf, "b": math.inf, "c": 1.0}) == {"a": "-Infinity", "b": "Infinity", "c": 1.0}
    assert unknown(math.nan) is None
    assert unknown(0.0) == 0.0


def test_a_test_says_whether_it_counts_runs_or_trials() -> None:
    """And how many more of which would decide."""
    runs = [incumbent_of(name, "one-shot", [v + i / 9 for v in LOW if v is not None]) for i, name in enumerate("abc")]
    report = compare_subjects([group_subject("g", runs), incumbent_of("x", "one-shot", LOW)])
    record = comparison_record(report.comparisons[0], report)
    assert (record["of"], record["test"]) == ("runs", "t over runs")
    assert record["more_runs"] is None or record["more_runs"] > 0
    report = compare_subjects([incumbent_of("x", "one-shot", LOW), incumbent_of("y", "one-shot", HIGH)])
    record = comparison_record(report.comparisons[0], report)
    assert (record["of"], record["more_runs"], record["decision"]) == ("trials", None, "worse")


def test_equal_cost_is_a_list_of_pairs() -> None:
    """Each with what is missing."""
    report = compare_subjects([incumbent_of("x", "one-shot", LOW), incumbent_of("y", "one-shot", HIGH)])
    (pair,) = equal_cost_records(report)
    assert (pair["first"], pair["second"], pair["comparison"]) == ("x", "y", None)
    assert (pair["to_evaluate"], pair["without"]) == (("x", "y"), ())
