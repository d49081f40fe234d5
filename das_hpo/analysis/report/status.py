"""How far a run is: what is planned, what is done, and how long the rest takes at the present pace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ConfigSpace import ConfigurationSpace

from das_hpo.durations import format_duration
from das_hpo.optimisers.families import hyperband, random_search
from das_hpo.optimisers.protocol import Problem
from das_hpo.optimizer_settings import OptimizerSettings
from spaces.errors import DasHpoError
from storage.entries import FINISHED_STATUSES

if TYPE_CHECKING:
    import pandas

    from storage.records import RunRecord, RunSummary

#: The pace is that of so many evaluations, the last ones.
PACED = 30

#: The registered optimisers whose plan follows from the settings, and whether their brackets halve.
_BRACKETED = {"bohb": True, "hyperband": True, "tpe": True, "cma-es": True, "random": False}


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is.

    Attributes:
        finished: Evaluations with an end.
        expected: Evaluations of the whole run; None where that is not known beforehand.
        left_s: Seconds until the end, at the pace of the last evaluations; None while it is not known.
    """

    finished: int
    expected: int | None
    left_s: float | None

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.finished / self.expected) if self.expected else 0.0

    @property
    def words(self) -> str:
        """For people: ``12 of 39, 3 min left``."""
        text = f"{self.finished} of {self.expected}" if self.expected else str(self.finished)
        return text if self.left_s is None else f"{text}, about {format_duration(self.left_s)} left"


def standing(summary: RunSummary, frame: pandas.DataFrame | None = None) -> Standing:
    """How far a run is.

    Args:
        summary: The run with its counts.
        frame: Its finished rows; without them there is no time left.
    """
    counts = summary.counts
    finished = sum(counts[status] for status in FINISHED_STATUSES)
    plan = planned(summary.run)
    if summary.run.state == "completed":
        return Standing(finished, finished, None)
    if plan is None:
        return Standing(finished, None, None)
    expected, epochs = plan
    left = None
    if summary.run.active and frame is not None and len(frame):
        pace = _pace(frame)
        done = float(frame["budget"].sum())
        left = max(0.0, epochs - done) / pace if pace > 0 else None
    return Standing(finished, max(expected, finished), left)


def _pace(frame: pandas.DataFrame) -> float:
    """Epochs a second over the last evaluations, until now: it falls while nothing ends."""
    last = frame.sort_values("sequence").tail(PACED)
    began = last["started_at"].min()
    seconds = (datetime.now(UTC) - began).total_seconds() if began == began else 0.0
    return float(last["budget"].sum()) / seconds if seconds > 0 else 0.0


def planned(run: RunRecord) -> tuple[int, float] | None:
    """Evaluations and epochs of the whole run, from its settings; None of a user's own optimiser.

    Nothing of the user's is imported for it.
    """
    settings = run.settings
    try:
        if run.kind != "run":
            count = int(settings["trials"]) * int(settings.get("draws") or 1)
            return count, count * float(settings["budget"])
        return _planned_of_brackets(run)
    except (KeyError, TypeError, ValueError, DasHpoError):
        return None  # an older run, whose settings have another form


def _planned_of_brackets(run: RunRecord) -> tuple[int, float] | None:
    if run.optimizer not in _BRACKETED:
        return None
    settings = run.settings
    problem = Problem(
        space=ConfigurationSpace(),
        seed=0,
        iterations=int(settings["iterations"]),
        min_budget=float(settings["min_budget"]),
        max_budget=float(settings["max_budget"]),
        eta=float(settings.get("eta", 3.0)),
        decisions=OptimizerSettings(**settings.get("decisions", {})),
    )
    plan = (hyperband if _BRACKETED[run.optimizer] else random_search)(problem).plan
    repeats = int(settings.get("repeats", 1))
    return repeats * plan.proposals, repeats * plan.epochs
