"""Which configuration is the best: the one ranking that incumbent, compare, evaluate, report, run and show share.

Those configurations compete whose replicates at one budget are all finished. A failed replicate does not count, and
a diverged one counts as infinitely bad: it can be outweighed only under ``max`` and, in the minority, under
``median``. The scores of the other replicates are aggregated as the run says. Of equal scores the one whose id
``(iteration, stage, number)`` is the smaller is ranked first.
"""

from __future__ import annotations

import heapq
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from spaces.errors import UnknownNameError
from spaces.identity import ConfigurationId
from spaces.trial import COMPLETED, OUTCOME_STATUSES, to_loss, to_score
from storage.entries import FINISHED_STATUSES

_K = TypeVar("_K")

#: How the replicates of a configuration make one number; ``max`` is the best, whichever way that is.
AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "median": statistics.median,
    "max": max,
}


def ranked(
    replicates: Iterable[tuple[_K, str, float | None]],
    how: str,
    larger_is_better: bool,
    identify: Callable[[Collection[_K]], Mapping[_K, ConfigurationId]],
    top: int | None = None,
) -> list[tuple[_K, float]]:
    """The configurations that compete, each with its aggregated score, the best first.

    Args:
        replicates: Of one budget: each replicate's configuration, its status, and its score (None for none).
        how: One of :data:`AGGREGATES`.
        larger_is_better: Whether the best is the largest score, or the smallest.
        identify: Gives the ids of some of the configurations; it is asked only for those that may be returned.
        top: How many at most; None for all.

    Raises:
        UnknownNameError: If ``how`` is not one of :data:`AGGREGATES`.
    """
    scores: dict[_K, list[float | None]] = defaultdict(list)
    unfinished = set()
    for key, status, score in replicates:
        if status in OUTCOME_STATUSES:
            # As `counted` says; called for each of a million rows it would take a fifth of the time.
            scores[key].append(score if status == COMPLETED and score == score else None)
        elif status not in FINISHED_STATUSES:
            unfinished.add(key)
    losses: dict[_K, float] = {}
    for key, values in scores.items():
        if key not in unfinished:
            loss = to_loss(aggregate(values, how, larger_is_better), larger_is_better)
            if loss is not None:
                losses[key] = loss
    chosen: Collection[_K] = losses
    if top is not None and top < len(losses):
        # With all that are as good as the last of them: among those the id decides.
        last = heapq.nsmallest(top, losses.values())[-1]
        chosen = [key for key, loss in losses.items() if loss <= last]
    ids = identify(chosen)
    order = sorted(chosen, key=lambda key: (losses[key], ids[key]))[:top]
    return [(key, to_score(losses[key], larger_is_better) or 0.0) for key in order]


def counted(status: str, score: float | None) -> float | None:
    """The score with which a replicate counts; None for one that diverged or has none."""
    return score if status == COMPLETED and score is not None and not math.isnan(score) else None


def aggregate(scores: Sequence[float | None], how: str, larger_is_better: bool = True) -> float | None:
    """One number from the scores of replicates.

    Args:
        scores: None stands for a diverged replicate.
        how: One of :data:`AGGREGATES`.
        larger_is_better: Whether larger scores are better.

    Returns:
        None if there are no scores, or if diverged replicates leave no finite number.

    Raises:
        UnknownNameError: If ``how`` is not one of :data:`AGGREGATES`.
    """
    if how not in AGGREGATES:
        raise UnknownNameError("aggregate", how, AGGREGATES)
    if not scores:
        return None
    sign = 1.0 if larger_is_better else -1.0
    value = AGGREGATES[how]([-math.inf if score is None else sign * score for score in scores])
    return sign * value if math.isfinite(value) else None
