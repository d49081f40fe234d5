"""Hyperparameter importance: how much worse a model of the PSNR gets when one hyperparameter is shuffled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.analysis.statistics.samples import FloatArray
from spaces.hyperparameters import CATEGORIES, HYPERPARAMETERS, RANGES

if TYPE_CHECKING:
    import pandas

#: With fewer evaluations at one budget, no importance of eight hyperparameters is computed.
LEAST_EVALUATIONS = 20
FOLDS = 5

#: Positive values that span so much are on a logarithmic scale.
LOG_FROM = 100.0
REPEATS = 5
TREES = 50

#: A forest of more rows would take long and not change the result.
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


@dataclass(frozen=True, slots=True)
class HyperparameterAxis:
    """How a hyperparameter becomes a number.

    Attributes:
        name: Its name.
        low: The least number; of a logarithmic one the power of ten.
        high: The largest.
        log: Whether it is on a logarithmic scale.
        categories: Its values, if it is none of numbers.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    categories: tuple[Any, ...] = ()

    def numbers(self, frame: pandas.DataFrame) -> FloatArray:
        """Its values in a frame; NaN where there is none."""
        if self.categories:
            places = {value: float(place) for place, value in enumerate(self.categories)}
            return np.array([places.get(_plain(value), math.nan) for value in frame[self.name]], dtype=np.float64)
        values = frame[self.name].to_numpy(dtype=float, na_value=np.nan)
        return np.log10(np.maximum(values, 1e-300)) if self.log else values


def axis_of(frame: pandas.DataFrame, name: str) -> HyperparameterAxis:
    """The scale of a hyperparameter: the one of ``inverse-1d``, or what the values that were tried suggest."""
    if name in RANGES:
        low, high = RANGES[name]
        return HyperparameterAxis(name, math.log10(low), math.log10(high), log=True)
    if name in CATEGORIES:
        return HyperparameterAxis(name, categories=CATEGORIES[name])
    values = [_plain(value) for value in frame[name].dropna()]
    if not values or any(isinstance(value, str | bool) for value in values):
        return HyperparameterAxis(name, categories=tuple(sorted(set(values), key=str)) or ("none",))
    low, high = float(min(values)), float(max(values))
    if low > 0 and high / low >= LOG_FROM:
        return HyperparameterAxis(name, math.log10(low), math.log10(high), log=True)
    return HyperparameterAxis(name, low, high if high > low else low + 1)


def hyperparameter_importance(
    frame: pandas.DataFrame,
    value: str,
    names: Sequence[str] = HYPERPARAMETERS,
    *,
    larger_is_better: bool = True,
    seed: int = 0,
) -> Importance:
    """Permutation importance (scikit-learn) of a random forest, cross-validated.

    Uses the largest budget with enough evaluations. A diverged trial counts as the worst PSNR there, since
    where trials diverge is part of what a hyperparameter does.

    Args:
        frame: Rows of the view ``results``.
        value: ``one_shot_score`` or ``architecture_score``.
        names: The hyperparameters.
        larger_is_better: Whether the worst score is the least, or the largest.
        seed: Of the forest, the folds and the permutations.
    """
    rows = largest_budget(frame, value)
    count = len(rows)
    budget = float(rows["budget"].iloc[0]) if count else math.nan
    names = tuple(names)
    nothing = (math.nan,) * len(names)
    psnr = rows[value].to_numpy(dtype=float, na_value=np.nan) if count else np.empty(0)
    if count < LEAST_EVALUATIONS or np.isnan(psnr).all() or np.nanmin(psnr) == np.nanmax(psnr):
        return Importance(names, nothing, nothing, math.nan, count, budget)
    worst = np.nanmin(psnr) if larger_is_better else np.nanmax(psnr)
    psnr = np.where(np.isnan(psnr), worst, psnr)
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold

    points = encode(rows, names)
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
        names=names,
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


def encode(frame: pandas.DataFrame, names: Sequence[str] = HYPERPARAMETERS) -> FloatArray:
    """Hyperparameters as numbers, [rows, names]: rates as powers of ten, categories by place, missing ones as -1."""
    columns = (axis_of(frame, name).numbers(frame) for name in names)
    return np.nan_to_num(np.column_stack(list(columns)), nan=-1.0)


def _plain(value: object) -> Any:
    """A value as Python's own; 0 and 1 of a column of booleans are numpy's."""
    return bool(value) if isinstance(value, np.bool_) else value
