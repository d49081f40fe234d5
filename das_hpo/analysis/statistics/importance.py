"""Hyperparameter importance: how much worse a model of the PSNR gets when one hyperparameter is shuffled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from das_hpo.analysis.statistics.samples import FloatArray
from spaces.hyperparameters import CATEGORIES, HYPERPARAMETERS, RANGES

if TYPE_CHECKING:
    import pandas

#: Fewer evaluations at one budget say nothing of eight hyperparameters.
LEAST_EVALUATIONS = 20
FOLDS = 5
REPEATS = 5
TREES = 50

#: A forest of more rows takes long and says the same.
MOST_EVALUATIONS = 4000


@dataclass(frozen=True, slots=True)
class Importance:
    """Permutation importance in units of explained variance (R^2), of evaluations the model has not seen.

    Attributes:
        names: Hyperparameters.
        mean: Mean loss of R^2 over folds and permutations, [names].
        deviation: Standard deviation of the same, [names].
        explained: Cross-validated R^2 of the model; at 0 or below the importances mean nothing.
        evaluations: Rows used.
        budget: Their budget in epochs; NaN without rows.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    explained: float
    evaluations: int
    budget: float

    @property
    def defined(self) -> bool:
        """Whether there were enough evaluations, and a PSNR that varies."""
        return not math.isnan(self.explained)


def hyperparameter_importance(frame: pandas.DataFrame, value: str, *, seed: int = 0) -> Importance:
    """Permutation importance (scikit-learn) of a random forest, cross-validated.

    Uses the largest budget with enough evaluations. A diverged trial counts as the worst PSNR there, since
    where trials diverge is part of what a hyperparameter does.

    Args:
        frame: Rows of the view ``results``.
        value: ``one_shot_psnr`` or ``architecture_psnr``.
        seed: Of the forest, the folds and the permutations.
    """
    rows = largest_budget(frame, value)
    count = len(rows)
    budget = float(rows["budget"].iloc[0]) if count else math.nan
    nothing = (math.nan,) * len(HYPERPARAMETERS)
    psnr = rows[value].to_numpy(dtype=float, na_value=np.nan) if count else np.empty(0)
    if count < LEAST_EVALUATIONS or np.isnan(psnr).all() or np.nanmin(psnr) == np.nanmax(psnr):
        return Importance(HYPERPARAMETERS, nothing, nothing, math.nan, count, budget)
    psnr = np.where(np.isnan(psnr), np.nanmin(psnr), psnr)
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold

    points = encode(rows)
    predicted = np.empty(count)
    losses = []
    for train, held_out in KFold(FOLDS, shuffle=True, random_state=seed).split(points):
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
        forest.fit(points[train], psnr[train])
        predicted[held_out] = forest.predict(points[held_out])
        # Squared errors, scaled by the whole variance below: a fold's own R^2 is unsteady when it is small.
        shuffled = permutation_importance(
            forest, points[held_out], psnr[held_out],
            scoring="neg_mean_squared_error", n_repeats=REPEATS, random_state=seed,
        )  # fmt: skip
        losses.append(shuffled.importances)
    ratio = np.concatenate(losses, axis=1) / psnr.var()
    return Importance(
        names=HYPERPARAMETERS,
        mean=tuple(map(float, ratio.mean(axis=1))),
        deviation=tuple(map(float, ratio.std(axis=1))),
        explained=float(r2_score(psnr, predicted)),
        evaluations=count,
        budget=budget,
    )


def largest_budget(frame: pandas.DataFrame, value: str) -> pandas.DataFrame:
    """Finished rows at the largest budget with enough of them, else at the one with most."""
    done = frame[(frame["status"] == "diverged") | frame[value].notna()]
    if done.empty:
        return done
    counts = done.groupby("budget").size().sort_index(ascending=False)
    enough = counts[counts >= LEAST_EVALUATIONS]
    budget = enough.index[0] if len(enough) else counts.idxmax()
    return done[done["budget"] == budget].head(MOST_EVALUATIONS)


def encode(frame: pandas.DataFrame) -> FloatArray:
    """Hyperparameters as numbers, [rows, hyperparameters]: rates as powers of ten, categories by place."""
    columns = []
    for name in HYPERPARAMETERS:
        if name in RANGES:
            columns.append(np.log10(np.maximum(frame[name].to_numpy(dtype=float), 1e-300)))
        else:
            columns.append(np.array([_place(name, value) for value in frame[name]], dtype=np.float64))
    return np.column_stack(columns)


def _place(name: str, value: object) -> int:
    return CATEGORIES[name].index(value if isinstance(value, str) else bool(value))
