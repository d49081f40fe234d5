"""Any-time curves: how good the incumbents of runs are by what the runs have cost, from trials on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from das_hpo.analysis.comparison.sides import Side, sides_of
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.comparison.trajectory import Step
from das_hpo.analysis.statistics import Interval, summarise
from das_hpo.analysis.statistics.replication import typical_score
from das_hpo.analysis.statistics.samples import as_values
from spaces.errors import InvalidValueError

#: What a curve may be drawn over: the name of the step's attribute.
COSTS = {"epochs": "epochs", "seconds": "worker_s"}

#: The columns of :func:`rows_of`.
COLUMNS = ("side", "run", "cost", "score", "configuration", "trials", "median", "low", "high", "runs")


@dataclass(frozen=True, slots=True)
class Point:
    """The median over the runs of a side, from a cost on.

    Attributes:
        cost: Epochs or workers' seconds of each run.
        median: Of the runs' scores by then; NaN if half of the incumbents diverge.
        band: The interval of the median of all such runs at this cost; none for fewer than six runs.
    """

    cost: float
    median: float
    band: Interval


@dataclass(frozen=True, slots=True)
class AnytimeCurve:
    """The incumbents of a side.

    Attributes:
        side: Its runs.
        steps: By run: each incumbent's cost and step, and its score from trials on fresh seeds.
        points: The median, from the cost on at which all runs have an incumbent.
        ends: By run: what it cost in all.
    """

    side: Side
    steps: dict[str, list[tuple[float, Step, float]]]
    points: list[Point]
    ends: dict[str, float]


def curves(subjects: Sequence[Subject], over: str = "epochs", *, level: float = 0.95) -> list[AnytimeCurve]:
    """The curve of each run and group among the subjects.

    Args:
        subjects: Of a comparison.
        over: One of :data:`COSTS`.
        level: Confidence level of the bands, each for its own cost.

    Raises:
        InvalidValueError: If there is no run among them, or an incumbent has no trials on fresh seeds; names the
            command that makes them.
    """
    sides = sides_of(subjects)
    if not sides:
        raise InvalidValueError("curves are drawn of runs and groups of runs: name one")
    lacking = [s.subjects for s in sides if any(step.trials is None for run in s.runs for step in run.steps)]
    if lacking:
        names = " ".join(name for subjects_of_side in lacking for name in subjects_of_side)
        raise InvalidValueError(
            "a curve shows trials of every incumbent that a run had, and some have none: "
            f"das-hpo evaluate {names} --trajectory --trials 20"
        )
    return [_curve(side, COSTS[over], level) for side in sides]


def _curve(side: Side, cost: str, level: float) -> AnytimeCurve:
    sign = 1 if side.first.metric.larger_is_better else -1
    steps = {
        run.name: [(float(getattr(step, cost)), step, _score(step, sign)) for step in run.steps] for run in side.runs
    }
    begin = max((each[0][0] if each else math.inf) for each in steps.values())
    costs = sorted({at for each in steps.values() for at, _, _ in each if at >= begin})
    points = []
    for at in costs:
        scores = [[score for began, _, score in each if began <= at][-1] for each in steps.values()]
        found = summarise(scores, level=level)
        # Incumbents that diverge have no score; a median over the others would flatter.
        if found.diverged:
            points.append(Point(at, math.nan, Interval.undefined(level)))
        else:
            points.append(Point(at, found.median, found.median_interval))
    return AnytimeCurve(side, steps, points, {run.name: float(getattr(run.cost, cost)) for run in side.runs})


def _score(step: Step, sign: int) -> float:
    """The score of the incumbent's trials, NaN where too many diverge."""
    assert step.trials is not None
    score = sign * typical_score(sign * as_values(step.trials.values))
    return math.nan if math.isinf(score) else score


def rows_of(found: Sequence[AnytimeCurve]) -> list[dict[str, object]]:
    """The curves as rows under :data:`COLUMNS`: each incumbent of each run, then the medians, which have no run."""
    rows: list[dict[str, object]] = []
    for curve in found:
        for run, steps in curve.steps.items():
            for cost, step, score in steps:
                assert step.trials is not None
                values = {"cost": cost, "score": _known(score), "configuration": str(step.configuration)}
                rows.append({"side": curve.side.name, "run": run, **values, "trials": len(step.trials.values)})
        rows += [
            {
                "side": curve.side.name,
                "cost": point.cost,
                "median": _known(point.median),
                "low": _known(point.band.low),
                "high": _known(point.band.high),
                "runs": len(curve.side.runs),
            }
            for point in curve.points
        ]
    return rows


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
