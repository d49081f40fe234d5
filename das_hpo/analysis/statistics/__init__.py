"""Statistics over trials: pure functions over arrays and DataFrames, with scipy and statsmodels.

Importing this package imports scipy and statsmodels; commands import it when they run.
"""

from das_hpo.analysis.statistics.best_of_k import (
    BestOfK,
    DrawsToBeat,
    best_of_k,
    draws_to_beat,
    expected_best,
    median_best,
)
from das_hpo.analysis.statistics.budgets import BudgetCorrelation, budget_correlations, paired_budgets
from das_hpo.analysis.statistics.correlation import Correlation, Line, correlation, correlations, regression_line
from das_hpo.analysis.statistics.decisions import Decision, decide, more_trials
from das_hpo.analysis.statistics.exact_tests import mann_whitney, paired_wilcoxon
from das_hpo.analysis.statistics.intervals import jackknife_interval, quantile_interval, student_interval
from das_hpo.analysis.statistics.samples import Interval, Values
from das_hpo.analysis.statistics.significance import (
    Comparison,
    Trials,
    compare,
    compare_all,
    holm,
    probability_of_improvement,
)
from das_hpo.analysis.statistics.summary import Summary, summarise, summary_frame
from das_hpo.analysis.statistics.variance import VarianceSplit, variance_split, variance_split_frame

__all__ = [
    "BestOfK",
    "BudgetCorrelation",
    "Comparison",
    "Correlation",
    "Decision",
    "DrawsToBeat",
    "Interval",
    "Line",
    "Summary",
    "Trials",
    "Values",
    "VarianceSplit",
    "best_of_k",
    "budget_correlations",
    "compare",
    "compare_all",
    "correlation",
    "correlations",
    "decide",
    "draws_to_beat",
    "expected_best",
    "holm",
    "jackknife_interval",
    "mann_whitney",
    "median_best",
    "more_trials",
    "paired_budgets",
    "paired_wilcoxon",
    "probability_of_improvement",
    "quantile_interval",
    "regression_line",
    "student_interval",
    "summarise",
    "summary_frame",
    "variance_split",
    "variance_split_frame",
]
