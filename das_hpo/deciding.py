"""Adds trials to campaigns until every comparison of two of them is decided, or the most trials are there.

Rounds: all campaigns have the trials of the last look; whichever is part of an undecided comparison is extended to the
size of the next one. Everything follows from the stored trials: nothing is kept of the looks, as the tests hold
whenever one stops (:mod:`das_hpo.analysis.statistics.sequential`), so that an interrupted decision goes on by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.durations import format_duration
from das_hpo.execution import BUSY_TIMEOUT_S, extend_campaign
from das_hpo.launching.cluster import Service, cluster_of
from das_hpo.progress import Snapshot
from das_hpo.running import RunOutcome
from spaces import clock
from spaces.errors import InvalidValueError, RunMissingError
from storage.engine import open_database

if TYPE_CHECKING:
    from das_hpo.analysis.comparison.compare import SideBySide
    from das_hpo.analysis.statistics import Comparison

#: Trials of each campaign at the first look: of fewer pairs, no outcome could decide anything.
FIRST_LOOK = 12

#: Each look has this share more trials than the one before.
GROWTH = 0.25

#: A look is at so many trials more than the one before, at least.
LEAST_STEP = 2

#: Where it is not known how many evaluations workers compute at a time, a round has so many of each campaign.
ROUND = 8


def next_look(trials: int, step: int) -> int:
    """How many trials of each the look after one at so many is at; at least ``step`` more."""
    return trials + max(round(GROWTH * trials), step)


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When no more trials are added.

    Attributes:
        level: Confidence level of tests and intervals.
        margin: Differences smaller than this are of no consequence; None for that of the metric.
        max_trials: Trials of each campaign at most.
        time_limit_s: Seconds after which no more are begun; None for no limit.
    """

    level: float = 0.95
    margin: float | None = None
    max_trials: int = 300
    time_limit_s: float | None = None

    def __post_init__(self) -> None:
        if self.max_trials < FIRST_LOOK:
            raise InvalidValueError(
                f"the first look is at {FIRST_LOOK} trials of each: --max-trials takes that many or more, "
                f"got {self.max_trials}"
            )

    @property
    def time_is_over(self) -> str:
        """Why it ended at the time limit."""
        return f"its time limit of {format_duration(self.time_limit_s or 0)} is over"

    @property
    def maximum_is_reached(self) -> str:
        """Why it ended at the most trials."""
        return f"there are {self.max_trials} trials of each already (--max-trials takes more)"


@dataclass(frozen=True, slots=True)
class Look:
    """What the trials say at one time.

    Attributes:
        compared: The campaigns side by side, as ``das-hpo compare`` has it.
        undecided: The comparisons of two that need more trials.
    """

    compared: SideBySide
    undecided: tuple[Comparison, ...]

    @property
    def open_names(self) -> set[str]:
        """The campaigns that are part of an undecided comparison."""
        return {name for comparison in self.undecided for name in (comparison.first, comparison.second)}


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told how it goes.

    Attributes:
        progress: Is told where the campaign that is going on is, a few times a second.
        looked: Is told of each look, and at how many trials the next one is; None if there is none.
    """

    progress: Callable[[Snapshot], None] | None = None
    looked: Callable[[Look, int | None], None] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended.

    Attributes:
        outcomes: How the latest round of each campaign ended that was begun; the latest of all is the last.
        look: What the trials say now; None if a campaign has no finished trial.
        message: Why nothing more is computed, although something is undecided; None if all is decided.
        signalled: Whether a signal ended it.
        failed: Whether it ended because all evaluations of a campaign failed.
    """

    outcomes: list[RunOutcome]
    look: Look | None
    message: str | None = None
    signalled: bool = False
    failed: bool = False


def execute_until_decided(
    campaigns: Sequence[CampaignSettings],
    url: str,
    service: Service,
    rule: StoppingRule,
    *,
    stop: threading.Event | None = None,
    told: Told | None = None,
) -> Ended:
    """Adds trials to campaigns until every comparison of two of them is decided, or the rule says stop.

    Args:
        campaigns: Two or more, each with the trials that it has, or those of the first look if it is new.
        url: The database; made if there is none.
        service: Where and by whom they are evaluated.
        rule: When it stops.
        stop: Ends it when it is set.
        told: Who is told how it goes.

    Raises:
        UsageError: For a campaign whose task refuses its settings or hyperparameters.
        RunExistsError: If a name is taken by a run, or by a campaign with other settings.
        DasHpoError: If nameserver, database, key or device cannot be used.
    """
    campaigns = [replace(campaign.check(), time_limit_s=None) for campaign in campaigns]
    told = told or Told()
    stop = stop or threading.Event()
    with (
        cluster_of(service.with_tasks(*(campaign.task for campaign in campaigns)), stop) as cluster,
        open_database(url, create=True, busy_timeout_s=BUSY_TIMEOUT_S) as database,
    ):
        rounds = Rounds(campaigns, url, rule, cluster.parallel or ROUND)
        begun = clock.monotonic()
        outcomes: dict[str, RunOutcome] = {}
        wanted = campaigns
        while wanted:
            for campaign in wanted:
                left_s = None if rule.time_limit_s is None else rule.time_limit_s - (clock.monotonic() - begun)
                if left_s is not None and left_s <= 0:
                    return Ended(list(outcomes.values()), rounds.look_again(), rule.time_is_over)
                outcome = extend_campaign(database, campaign, cluster, stop, told.progress, left_s)
                outcomes.pop(campaign.name, None)
                outcomes[campaign.name] = outcome
                if outcome.status != "completed":
                    message = outcome.message if outcome.signalled else rule.time_is_over
                    return Ended(list(outcomes.values()), rounds.look_again(), message, outcome.signalled)
                if outcome.snapshot.failed == outcome.snapshot.finished:
                    message = f"all evaluations of {campaign.name} have failed"
                    return Ended(list(outcomes.values()), None, message, failed=True)
                rounds.campaigns[campaign.name] = campaign
            wanted = rounds.following(told.looked)
    undecided = rounds.latest is not None and rounds.latest.undecided
    return Ended(list(outcomes.values()), rounds.latest, rule.maximum_is_reached if undecided else None)


class Rounds:
    """Which campaigns are extended next.

    Args:
        campaigns: With the trials that they have, or that were asked for before an interruption.
        url: The database.
        rule: When it stops.
        step: Each look is at so many trials more than the one before, at least.

    Attributes:
        campaigns: By name, as they are by now.
        latest: The latest look; None before the first.
    """

    def __init__(self, campaigns: Sequence[CampaignSettings], url: str, rule: StoppingRule, step: int) -> None:
        self.campaigns = {campaign.name: campaign for campaign in campaigns}
        self.latest: Look | None = None
        self._url = url
        self._rule = rule
        self._step = max(step, LEAST_STEP)
        self._resumed = False

    def following(self, looked: Callable[[Look, int | None], None] | None = None) -> list[CampaignSettings]:
        """The next round: the campaigns that are part of an undecided comparison, extended; empty if there is none."""
        if not self._resumed:
            self._resumed = True
            rest = self._rest_of_a_round()
            if rest:
                return rest
        self.latest = self._look({})
        names = self.latest.open_names
        least = min((self.campaigns[name].trials for name in names), default=self._rule.max_trials)
        target = min(next_look(least, self._step), self._rule.max_trials)
        wanted = self._extended(names, target) if least < target else []
        if looked is not None:
            looked(self.latest, target if wanted else None)
        return wanted

    def look_again(self) -> Look | None:
        """What the trials that are there say; None if a campaign has no finished one."""
        try:
            return self._look({})
        except (InvalidValueError, RunMissingError):
            return None

    def _rest_of_a_round(self) -> list[CampaignSettings]:
        """The campaigns that an interrupted round had not come to, found by the look before it."""
        sizes = {name: one.trials for name, one in self.campaigns.items() if one.trials > (one.looked_from or 0)}
        target = max(sizes.values(), default=0)
        before = max((size for size in sizes.values() if size < target), default=0)
        if not before:
            return []
        return self._extended(self._look(dict.fromkeys(sizes, before)).open_names, target)

    def _extended(self, names: Collection[str], target: int) -> list[CampaignSettings]:
        """Those of the campaigns that have fewer trials than the target, with as many."""
        short = [one for name, one in self.campaigns.items() if name in names and one.trials < target]
        return [replace(one, trials=target) for one in short]

    def _look(self, limits: Mapping[str, int]) -> Look:
        """All comparisons of two campaigns, of some of which only the first trials are looked at."""
        from das_hpo.analysis.comparison.compare import compare_subjects
        from das_hpo.analysis.comparison.lookup import run_records
        from das_hpo.analysis.comparison.orientation import decided
        from das_hpo.analysis.comparison.subjects import ComparedRun, run_subject
        from das_hpo.analysis.statistics.decisions import UNDECIDED
        from storage.frames import load_results

        records = run_records(self._url)
        subjects = []
        for name in self.campaigns:
            if name not in records:
                raise RunMissingError(f"the campaign {name} is not begun yet")
            frame = load_results(self._url, name)
            if name in limits:
                frame = frame[frame["replicate"] < limits[name]]  # frame.attrs stay
            subjects.append(run_subject(ComparedRun.of(records[name], frame), level=self._rule.level))
        compared = compare_subjects(subjects, level=self._rule.level, margin=self._rule.margin)
        metric = compared.subjects[0].metric
        return Look(
            compared,
            tuple(one for one in compared.comparisons if decided(one, metric, compared.margin).verdict == UNDECIDED),
        )
