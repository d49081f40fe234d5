"""What ``das-hpo compare`` finds as names and values: for JSON, CSV and DataFrames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spaces.task import PSNR

if TYPE_CHECKING:
    from das_hpo.analysis.comparison.compare import SideBySide
    from das_hpo.analysis.comparison.subjects import Subject
    from das_hpo.analysis.statistics import Comparison, Interval


def subject_record(subject: Subject) -> dict[str, Any]:
    """One subject as names and values, all builtin."""
    summary, found, ranks = subject.summary, subject.correlation, subject.rank_correlation
    word = "psnr" if subject.metric == PSNR else "score"
    record: dict[str, Any] = {
        "name": subject.name,
        "kind": subject.kind,
        "objective": subject.objective,
        "optimizer": subject.optimizer or None,
        "problem": subject.problem,
        "method": subject.method,
        "metric": str(subject.metric),
    }
    for objective in ("one-shot", "architecture"):
        best = next((best for best in subject.best if best.objective == objective), None)
        prefix = f"best_by_{objective.replace('-', '_')}"
        record[prefix] = None if best is None else str(best.configuration)
        record[f"{prefix}_one_shot_{word}"] = None if best is None else best.one_shot_score
        record[f"{prefix}_architecture_{word}"] = None if best is None else best.architecture_score
    record |= {
        "evaluations": subject.cost.evaluations,
        "failed": subject.cost.failed,
        "epochs": subject.cost.epochs,
        "worker_s": subject.cost.worker_s,
        "wall_s": subject.cost.wall_s,
        "tests_use": subject.source,
        "budget": subject.budget,
        "trials": summary.trials,
        "diverged": summary.diverged,
        "max": summary.maximum,
        "mean": summary.mean,
        **ends("mean", summary.mean_interval),
        "median": summary.median,
        **ends("median", summary.median_interval),
        "iqr": summary.iqr,
        "standard_deviation": summary.standard_deviation,
        "pearson": found.coefficient,
        **ends("pearson", found.interval),
        "spearman": ranks.coefficient,
        **ends("spearman", ranks.interval),
        "correlation_pairs": found.pairs,
    }
    return {name: unknown(value) for name, value in record.items()}


def comparison_record(comparison: Comparison, report: SideBySide) -> dict[str, Any]:
    """One test as names and values; a difference or an end of its interval may be infinite."""
    from das_hpo.analysis.comparison.orientation import decided

    decision = decided(comparison, report.subjects[0].metric, report.margin)
    first, second = comparison.medians
    more = None if comparison.runs is None else 0
    if comparison.runs and decision.verdict == "undecided":
        more = comparison.runs.more_runs(comparison.difference, report.margin, report.level)
    record = {
        "first": comparison.first,
        "second": comparison.second,
        "test": comparison.test,
        "pairs": comparison.pairs,
        "statistic": comparison.statistic,
        "p_value": comparison.p_value,
        "p_holm": comparison.p_holm,
        "probability_of_improvement": comparison.improvement,
        **ends("improvement", comparison.improvement_interval),
        "median_difference": comparison.difference,
        **ends("difference", comparison.difference_interval),
        "first_median": first,
        "second_median": second,
        "decision": decision.verdict,
        "more_trials": decision.more_trials,
        "of": "runs" if comparison.runs else "trials",
        "more_runs": more,
    }
    return {name: unknown(value) for name, value in record.items()}


def equal_cost_records(report: SideBySide) -> list[dict[str, Any]]:
    """Each pair of runs or groups at the cost of the cheapest run, by trials of the incumbents of that time."""
    word = "psnr" if report.subjects[0].metric == PSNR else "score"
    return [
        {
            "first": each.first,
            "second": each.second,
            "worker_s": each.worker_s,
            "objective": each.objective,
            **in_json({word: in_json({name: unknown(value) for name, value in each.score.items()})}),
            "to_evaluate": each.to_evaluate,
            "without": each.without,
            "as_at_the_end": each.as_at_the_end,
            "comparison": each.comparison and in_json(comparison_record(each.comparison, report)),
        }
        for each in report.equal_cost
    ]


def ends(name: str, interval: Interval) -> dict[str, float]:
    """Both ends of an interval under their names."""
    return {f"{name}_low": interval.low, f"{name}_high": interval.high}


def in_json(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with infinities as the texts ``Infinity`` and ``-Infinity``, which JSON has no numbers for."""
    return {
        name: ("Infinity" if value > 0 else "-Infinity") if isinstance(value, float) and math.isinf(value) else value
        for name, value in record.items()
    }


def unknown(value: Any) -> Any:
    """None for NaN, which no output format knows."""
    return None if isinstance(value, float) and math.isnan(value) else value
