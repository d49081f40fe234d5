"""Correlation between budgets: pairs by configuration, replicates averaged."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from das_hpo.analysis.statistics import budget_correlations


def _frame() -> pd.DataFrame:
    rows = []
    short = [10.0, 12.0, 11.0, 9.0, np.nan]
    long = [20.0, 21.0, 19.0, None, 25.0]
    for number, (a, b) in enumerate(zip(short, long, strict=True)):
        for budget, value in ((5.0, a), (50.0, b)):
            for replicate, shift in ((0, -1.0), (1, 1.0)):
                psnr = None if value is None else value + shift
                rows.append(("r", 0, 0, number, budget, replicate, psnr))
    columns = ["run", "iteration", "stage", "number", "budget", "replicate", "one_shot_psnr"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"one_shot_psnr": float})


def test_configurations_are_paired_across_budgets() -> None:
    """Spearman over the three configurations that have both, of the means of two replicates."""
    (only,) = budget_correlations(_frame(), "one_shot_psnr")
    assert (only.shorter, only.longer, only.correlation.pairs) == (5.0, 50.0, 3)
    assert only.correlation.coefficient == pytest.approx(stats.spearmanr([10, 12, 11], [20, 21, 19]).statistic)


def test_one_budget_or_no_rows_have_no_pair() -> None:
    """Nothing to pair is an empty list."""
    frame = _frame()
    assert budget_correlations(frame[frame["budget"] == 5.0], "one_shot_psnr") == []
    assert budget_correlations(frame.iloc[:0], "one_shot_psnr") == []
