"""Is a short search a fair judge of a long one? Rank correlation between the budgets of the same configurations."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from das_hpo.analysis.statistics.correlation import Correlation, correlation

if TYPE_CHECKING:
    import pandas

#: Columns that name a configuration across runs.
CONFIGURATION = ("run", "iteration", "stage", "number")


@dataclass(frozen=True, slots=True)
class BudgetCorrelation:
    """Spearman's correlation of the PSNRs that the same configurations got at two budgets.

    Attributes:
        shorter: The smaller budget, in epochs.
        longer: The larger budget, in epochs.
        correlation: Over the configurations evaluated at both. Successive halving promotes the best, so
            the range is restricted and the coefficient is a lower bound for unselected configurations.
    """

    shorter: float
    longer: float
    correlation: Correlation


def paired_budgets(frame: pandas.DataFrame, value: str) -> pandas.DataFrame:
    """One row a configuration, one column a budget: the mean of the replicates, NaN where there is none.

    Args:
        frame: Rows of the view ``results``.
        value: ``one_shot_psnr`` or ``architecture_psnr``.
    """
    names = [name for name in CONFIGURATION if name in frame.columns]
    return frame.pivot_table(index=names, columns="budget", values=value, aggfunc="mean", dropna=False)


def budget_correlations(frame: pandas.DataFrame, value: str, *, level: float = 0.95) -> list[BudgetCorrelation]:
    """Every pair of budgets that at least two configurations share, shorter first."""
    table = paired_budgets(frame, value)
    found = []
    for shorter, longer in itertools.combinations(sorted(table.columns), 2):
        result = correlation(table[shorter], table[longer], "spearman", level=level)
        if result.pairs >= 2:
            found.append(BudgetCorrelation(float(shorter), float(longer), result))
    return found
