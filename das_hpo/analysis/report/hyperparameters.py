"""The part about hyperparameters: which of them matter, and where the good configurations are."""

from __future__ import annotations

from das_hpo.analysis.charts.hyperparameters import importance, parallel_coordinates
from das_hpo.analysis.charts.style import sample
from das_hpo.analysis.report.addresses import Addresses
from das_hpo.analysis.report.blocks import Block, Plot, Text
from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.statistics.importance import LEAST_EVALUATIONS, Importance, hyperparameter_importance

#: A forest of more evaluations of one budget would make a reader wait, and not change the picture.
MOST_MODELLED = 1000

#: A model that explains less of the variance it has not seen says nothing about hyperparameters.
LEAST_EXPLAINED = 0.1


def hyperparameters(data: RunData, _: Addresses) -> list[Block]:
    """Importance at each budget that has enough evaluations, and parallel coordinates."""
    chart, drawn = parallel_coordinates(data.finished, data.value, data.hyperparameters, data.metric)
    scored = int(data.finished[data.value].notna().sum())
    which = "Every line is an evaluation" if drawn == scored else f"{drawn} of {scored} evaluations, half the best"
    without = len(data.finished) - scored
    left_out = f" {without} without a score are left out." if without else ""
    return [
        *_importance(importances(data)),
        Plot(
            "Parallel coordinates",
            f"{which}, at all budgets; the lightest are the best. Rates are on a logarithmic scale.{left_out}",
            chart,
        ),
    ]


def importances(data: RunData) -> list[Importance]:
    """The importance at each budget that has enough evaluations, the smallest first."""
    done, larger = data.finished, data.metric.larger_is_better
    counts = done.groupby("budget").size()
    found = []
    for budget in sorted(counts[counts >= LEAST_EVALUATIONS].index):
        rows = done[done["budget"] == budget]
        rows = rows.iloc[sample(len(rows), MOST_MODELLED)]
        found.append(hyperparameter_importance(rows, data.value, data.hyperparameters, larger_is_better=larger))
    return found


def _importance(found: list[Importance]) -> list[Block]:
    found = [result for result in found if result.defined]
    if not found:
        return [
            Text(
                f"No budget has {LEAST_EVALUATIONS} evaluations: too few to tell which hyperparameters matter.",
            )
        ]
    shown = [result for result in found if result.explained >= LEAST_EXPLAINED]
    unsaid = [result for result in found if result.explained < LEAST_EXPLAINED]
    blocks: list[Block] = []
    if unsaid:
        words = "; ".join(
            f"{max(0.0, r.explained):.0%} at {r.budget:.4g} epochs, from {r.evaluations} evaluations" for r in unsaid
        )
        blocks.append(
            Text(
                f"A random forest explains too little of the variance of evaluations that it has not seen ({words}): "
                "these data do not say which hyperparameters matter there, so no importance is drawn."
            )
        )
    if shown:
        explained = "; ".join(
            f"{r.explained:.0%} at {r.budget:.4g} epochs, from {r.evaluations} evaluations" for r in shown
        )
        caption = (
            "A random forest (scikit-learn) predicts the score of evaluations it has not seen; a bar is how much worse "
            f"it gets when that hyperparameter is shuffled, the line one standard deviation. It explains {explained}."
        )
        blocks.append(Plot("Importance of the hyperparameters", caption, importance(shown)))
    return blocks
