"""Campaigns: trials of a given configuration, or of baselines, on the same workers and in the same storage as runs.

    search                trial r searches with the r-th seed                                       (section 5)
    a task's baseline     trial r trains the architecture that the baseline gives for it
    random-search         trial r is the best of k random architectures, k as many as fit the time of one DAS run
    retraining            trial r trains the r-th of the given architectures, several times

Trial r of every campaign of one seed has the same seed, whatever it evaluates, so that campaigns are compared
in pairs. Configuration ids are (0, 0, 0) with the trial as replicate where all trials share a configuration;
else (trial, 0, draw); of a retraining (trial, 0, 0) with the draw as replicate.
"""

from __future__ import annotations

import contextlib
import logging
import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from das_hpo import __version__
from das_hpo.differences import differences
from das_hpo.durations import require_duration
from das_hpo.settings import RETRAIN, check_run_name, with_task_settings
from spaces.errors import InvalidValueError, RunExistsError, UnknownNameError, UsageError
from spaces.seeds import derive_seed
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, fingerprint, load_task
from spaces.trial import OBJECTIVES, TrialSpec
from storage.entries import NewRun
from storage.records import RunRecord

log = logging.getLogger(__name__)

#: A trial of this is a DAS search.
SEARCH = "search"

#: The baseline that draws an architecture at random, and what makes the best of several of them.
RANDOM = "random"
RANDOM_SEARCH = "random-search"

#: Baselines of ``inverse-1d`` as campaigns of before there were other tasks name them.
OLD_BASELINES = ("learnable-gradient-only", "net-only")

#: What trains given architectures again: how much of their PSNR is theirs, and how much is luck?
RETRAINING = "retraining"

#: What evaluates a trial more than once.
REPEATED = (RANDOM_SEARCH, RETRAINING)

#: What numbers each draw as a configuration of its own.
DRAWN = (RANDOM, RANDOM_SEARCH)


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """One campaign.

    Attributes:
        name: The run's unique name.
        kind: ``search``, one of the task's baselines, ``random-search``, or ``retraining``.
        hyperparameters: Of all trials; baselines use those of the weights alone.
        label: Where they are from: a preset's name, or a run's.
        trials: How many.
        budget: Epochs of each search, and of each training of an architecture.
        objective: Whose score makes the loss.
        task: The task's door, as ``--task`` takes it.
        settings: The task's settings by name.
        retrain: ``always``, or ``auto``: for the objective ``architecture`` only.
        draws: Random architectures of each trial of a random search; trainings of each architecture of a
            retraining.
        architectures: Canonical strings: what a retraining trains, one a trial; none for the others.
        seed: From which the seeds of all trials are derived.
        time_limit_s: Seconds after which it ends, keeping what is done; None is no limit.
        evaluation_timeout_s: Seconds after which an evaluation counts as hung.

    Raises:
        UsageError: For whatever is not valid; nothing has been done by then.
    """

    name: str
    kind: str = SEARCH
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    trials: int = 75
    budget: float = 50.0
    objective: str = "architecture"
    task: str = DEFAULT_TASK
    settings: Mapping[str, Any] = field(default_factory=dict)
    retrain: str = "always"
    draws: int = 5
    architectures: tuple[str, ...] = ()
    seed: int = 0
    time_limit_s: float | None = None
    evaluation_timeout_s: float | None = None

    def __post_init__(self) -> None:
        check_run_name(self.name)
        for name, words in (
            ("objective", OBJECTIVES),
            ("retrain", RETRAIN),
        ):
            if getattr(self, name) not in words:
                raise UnknownNameError(name, getattr(self, name), words)
        if not 0 <= self.seed < 2**63:
            raise InvalidValueError(f"a seed is an integer in [0, 2**63), {self.seed} came")
        if not 0 < self.budget < math.inf:
            raise InvalidValueError(f"a budget is a positive number of epochs, {self.budget} came")
        for name in ("trials", "draws"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidValueError(f"{name} must be a whole number of 1 or more, {value} came")
        if self.is_baseline and self.objective == "one-shot":
            raise InvalidValueError(f"{self.kind} searches nothing: its objective is the architecture score")
        for name, seconds in (("time-limit", self.time_limit_s), ("evaluation-timeout", self.evaluation_timeout_s)):
            if seconds is not None:
                require_duration(name, seconds)
        if len(self.architectures) != (self.trials if self.kind == RETRAINING else 0):
            raise InvalidValueError(
                f"a retraining has an architecture for each trial, and others have none: {len(self.architectures)} "
                f"came for {self.trials} trials of {self.kind}"
            )

    @property
    def is_baseline(self) -> bool:
        """Whether architectures are given instead of searched."""
        return self.kind != SEARCH

    @property
    def evaluations_per_trial(self) -> int:
        """More than one for a random search and a retraining."""
        return self.draws if self.kind in REPEATED else 1

    def check(self) -> CampaignSettings:
        """The same with all settings of the task, once the task has agreed to them.

        What is stored is read without: a task that cannot be imported here is no reason not to read a database.

        Raises:
            UsageError: If the task cannot be loaded, or refuses settings or hyperparameters.
        """
        task = self.configured_task()
        kinds = (SEARCH, *task.baselines, *((RANDOM_SEARCH,) if RANDOM in task.baselines else ()), RETRAINING)
        if self.kind not in kinds:
            raise UnknownNameError(f"kind of campaign of the task {task.name}", self.kind, kinds)
        task.check_hyperparameters(self.hyperparameters)
        self.spec(task, 0, 0)
        return replace(self, settings=task.settings)

    def configured_task(self) -> Task:
        """The task with the campaign's settings.

        Raises:
            UsageError: If it cannot be loaded, or refuses the settings.
        """
        return load_task(self.task).configured(self.settings)

    def architecture(self, task: Task, trial: int, draw: int) -> str | None:
        """The architecture that is trained; None if one is searched."""
        if self.kind == RETRAINING:
            return self.architectures[trial]
        if self.kind == SEARCH:
            return None
        generator = random.Random(derive_seed(self.seed, "architecture", trial, draw))
        return task.baseline_architecture(RANDOM if self.kind in DRAWN else self.kind, generator)

    def trial_seed(self, trial: int, draw: int = 0) -> int:
        """The seed of a trial: of the campaign's seed and the trial's number (and the draw's, after the first)."""
        return derive_seed(self.seed, "trial", trial) if draw == 0 else derive_seed(self.seed, "trial", trial, draw)

    def spec(self, task: Task, trial: int, draw: int) -> TrialSpec:
        """What a worker is asked for one evaluation; ``task`` is :meth:`configured_task`."""
        return TrialSpec(
            task=task.name,
            hyperparameters=self.hyperparameters,
            budget=self.budget,
            seed=self.trial_seed(trial, draw),
            retrain=self.is_baseline or self.retrain == "always" or self.objective == "architecture",
            settings=task.settings,
            architecture=self.architecture(task, trial, draw),
        )

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the database."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> CampaignSettings:
        """Reads what :meth:`to_dict` wrote, also before there were other tasks than ``inverse-1d``.

        Raises:
            UsageError: For an unknown setting, or a value that is not valid.
        """
        read = _of_today(values)
        known = {entry.name for entry in fields(cls)}
        for name in read:
            if name not in known:
                raise UnknownNameError("setting", name, sorted(known))
        read["architectures"] = tuple(read.get("architectures") or ())
        try:
            return cls(**read)
        except TypeError as error:
            raise InvalidValueError(f"not the settings of a campaign: {error}") from None

    def is_extended_by(self, other: CampaignSettings) -> bool:
        """Whether the other is this campaign with as many trials or more; limits may differ."""
        if other.trials < self.trials:
            return False
        limits = {name: getattr(self, name) for name in ("time_limit_s", "evaluation_timeout_s")}
        # A retraining has an architecture for each trial.
        fewer = other.architectures[: len(self.architectures)]
        return replace(other, trials=self.trials, architectures=fewer, **limits) == self

    def has_trials_of(self, other: CampaignSettings) -> bool:
        """Whether both have the same trials, be they named otherwise, of another number or under other limits.

        A setting that the task did not have when this was stored has its default here.
        """
        if self.task != other.task:
            return False
        mine = replace(self, settings={**load_task(other.task).settings, **self.settings})
        ignored = ["name", "label", "trials", "time_limit_s", "evaluation_timeout_s"]
        if self.kind not in REPEATED:
            ignored.append("draws")
        return replace(other, **{name: getattr(self, name) for name in ignored}) == mine

    def new_run(self) -> NewRun:
        """What is stored of it; a baseline has its own name for its method."""
        task = self.configured_task()
        labels = task.labels.to_dict()
        return NewRun(
            name=self.name,
            kind="campaign",
            objective=self.objective,
            optimizer=self.label,
            seed=self.seed,
            settings=self.to_dict(),
            version=__version__,
            task=task.name,
            metric=task.metric,
            task_settings=task.settings,
            fingerprint=fingerprint(task),
            **{**labels, "method": self.kind if self.is_baseline else labels["method"]},
        )


def stored_campaigns(records: Iterable[RunRecord]) -> list[CampaignSettings]:
    """The campaigns among runs whose trials may be counted on: those of the present code of a task that is here.

    One that cannot be read, or whose task cannot be loaded, is passed over: it is no reason not to use the others.
    """
    found = []
    for record in records:
        if record.kind != "campaign":
            continue
        try:
            campaign = CampaignSettings.from_mapping(record.settings)
            if record.fingerprint in (None, fingerprint(load_task(campaign.task))):
                found.append(campaign)
        except UsageError as error:
            log.warning("the campaign %s is passed over: %s", record.name, error)
    return found


def kind_of(settings: Mapping[str, Any], method: str) -> str:
    """The kind of a stored campaign; before there were other tasks, it was among the names of methods."""
    old = (*OLD_BASELINES, RANDOM, RANDOM_SEARCH, RETRAINING)
    return str(settings.get("kind") or (method if method in old else SEARCH))


def _of_today(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a campaign as of today: its kind was among the names of methods before."""
    read = dict(values)
    if "kind" not in read and "method" in read:
        method = read.pop("method")
        read["kind"] = kind_of(values, method)
        read["method"] = method if read["kind"] == SEARCH else "das"
    return with_task_settings(read)


def require_extended(record: RunRecord, asked: CampaignSettings) -> None:
    """Raises RunExistsError, which says what differs, unless the stored run is a part of the campaign asked for."""
    if record.kind != "campaign":
        raise RunExistsError(f"the name {record.name!r} is taken by a {record.kind}: choose another --name or --prefix")
    stored = record.settings
    with contextlib.suppress(UsageError):  # what cannot be read differs anyway
        known = CampaignSettings.from_mapping(record.settings)
        if known.is_extended_by(asked):
            return
        stored = known.to_dict()
    more = asked.trials >= int(stored.get("trials", 0))
    ignored = ["time_limit_s", "evaluation_timeout_s", *(["trials"] if more else [])]
    found = differences(stored, asked.to_dict(), ignored=ignored)
    raise RunExistsError(
        f"the name {record.name!r} is taken by a campaign with other settings: {'; '.join(found)}; nothing was done: "
        "choose another --name or --prefix"
    )
