"""The incumbent of a run as a function of what the run had cost by then."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from das_hpo.analysis.statistics import Trials
from spaces.identity import ConfigurationId
from spaces.trial import SCORE_OF, to_loss
from storage.entries import FINISHED_STATUSES
from storage.ranking import aggregate, counted

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Step:
    """An incumbent, from the cost on at which it became that.

    Attributes:
        epochs: Epochs of all finished evaluations by then.
        worker_s: Workers' seconds by then.
        configuration: Its id.
        budget: The largest budget by then, at which it was the best.
        trials: Architecture scores of its trials on fresh seeds; None if there are none yet.
    """

    epochs: float
    worker_s: float
    configuration: ConfigurationId
    budget: float
    trials: Trials | None = None


def trajectory(frame: pandas.DataFrame, objective: str, how: str = "mean", larger_is_better: bool = True) -> list[Step]:
    """Every change of the incumbent of a run; the last step is the incumbent of ``das-hpo incumbent``.

    By then what had not finished competes as little as at the end, and the largest budget at which any configuration
    competes decides (:mod:`storage.ranking`).

    Args:
        frame: Rows of a run.
        objective: ``one-shot`` or ``architecture``.
        how: How scores of replicates make one: ``mean``, ``median`` or ``max``.
        larger_is_better: Whether the best is the largest score, or the smallest.
    """
    import pandas

    keys = [ConfigurationId(*map(int, key)) for key in frame[list(ConfigurationId._fields)].to_numpy()]
    rows = frame.assign(key=pandas.Series(keys, index=frame.index, dtype=object))
    waiting = rows.groupby(["key", "budget"], sort=False).size().to_dict()
    rows = rows[rows["status"].isin(FINISHED_STATUSES)].sort_values("finished_at", kind="stable")
    scores: dict[tuple[ConfigurationId, float], list[float | None]] = defaultdict(list)
    best: dict[float, tuple[float, ConfigurationId]] = {}
    steps: list[Step] = []
    epochs = worker_s = 0.0
    columns = ("key", "budget", "status", SCORE_OF[objective], "duration_s")
    for key, budget, status, score, duration_s in zip(*(rows[name] for name in columns), strict=True):
        epochs += budget
        worker_s += 0.0 if duration_s is None or math.isnan(duration_s) else duration_s
        waiting[key, budget] -= 1
        if status != "failed":
            scores[key, budget].append(counted(status, None if score is None else float(score)))
        if waiting[key, budget] or not scores[key, budget]:
            continue
        loss = to_loss(aggregate(scores[key, budget], how, larger_is_better), larger_is_better)
        if loss is not None and (budget not in best or (loss, key) < best[budget]):
            best[budget] = (loss, key)
            highest = max(best)
            found = best[highest][1]
            if highest == budget and (not steps or steps[-1].configuration != found):
                steps.append(Step(epochs, worker_s, found, float(highest)))
    return steps


def at_cost(steps: Sequence[Step], worker_s: float) -> Step | None:
    """The incumbent by the time that workers had spent so many seconds; None if there was none."""
    return next((step for step in reversed(steps) if step.worker_s <= worker_s * (1 + 1e-9)), None)
