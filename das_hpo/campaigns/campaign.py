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

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from das_hpo import __version__
from das_hpo.declaration import AnyValue, Checked, Duration, Pairs, Whole, Words, check_declared, require_known, setting
from das_hpo.settings import EPOCHS, RETRAIN, check_run_name, with_task_settings
from spaces.errors import InvalidValueError, UnknownNameError
from spaces.seeds import derive_seed
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, fingerprint, load_task
from spaces.trial import OBJECTIVES, TrialSpec
from storage.entries import NewRun

#: A trial of this is a DAS search.
SEARCH = "search"

#: The baseline that draws an architecture at random, and the kind of campaign whose trial is the best of several.
RANDOM = "random"
RANDOM_SEARCH = "random-search"

#: Baselines of ``inverse-1d`` by the names that older campaigns store among the names of methods.
OLD_BASELINES = ("learnable-gradient-only", "net-only")

#: Trains given architectures again, to tell how much of a PSNR is the architecture's and how much is luck.
RETRAINING = "retraining"

#: Kinds of campaigns of which a trial is more than one evaluation.
REPEATED = (RANDOM_SEARCH, RETRAINING)

#: Kinds of campaigns of which each draw is a configuration.
DRAWN = (RANDOM, RANDOM_SEARCH)


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """One campaign. Each field says what it means.

    Raises:
        UsageError: For whatever is not valid; nothing has been done by then.
    """

    name: str = setting(
        kind=Checked(check_run_name),
        help="the campaign's name, or what the names of several begin with",
        default_in_words="what is evaluated on which problem; a campaign of the same trials is continued, whatever its "
        "name; a name that is taken by one with other settings is refused, and what differs is said",
    )
    kind: str = setting(SEARCH, option=None, help="search, one of the task's baselines, random-search, or retraining")
    hyperparameters: Mapping[str, Any] = setting(
        kind=Pairs(), factory=dict, option=None, help="of all trials; baselines use those of the weights alone"
    )
    label: str = setting("", option=None, help="where the hyperparameters are from: a preset's name, or a run's")
    trials: int = setting(75, Whole(1), help="trials of each campaign")
    budget: float = setting(
        50.0, EPOCHS, option="--epochs", help="epochs of every search and of every training of an architecture"
    )
    objective: str = setting(
        "architecture",
        Words(OBJECTIVES),
        help="which score says which of a run's configurations is the best",
        default_in_words="the run's own",
    )
    task: str = setting(DEFAULT_TASK, AnyValue("TASK"), help="the task, as das-hpo run --task takes it")
    settings: Mapping[str, Any] = setting(kind=Pairs(), factory=dict, option="--set", help="settings of the task")
    retrain: str = setting(
        "always",
        Words(RETRAIN),
        help="always gives both scores of every trial; auto retrains unless --objective is one-shot",
    )
    draws: int = setting(
        5,
        Whole(1, metavar="K"),
        help="random architectures of each trial of random-search: as many as fit the time of one DAS run; auto is the "
        "number by the trials of das-hpo evaluate and of baseline random in the database",
        default_in_words="5, by the paper's clock",
    )
    architectures: tuple[str, ...] = setting(
        (), option=None, help="canonical strings: what a retraining trains, one for each trial; none for the others"
    )
    seed: int = setting(
        0,
        Whole(0),
        help="every random number follows from it; campaigns of one seed are paired, trial by trial",
    )
    time_limit_s: float | None = setting(
        None,
        Duration("time-limit"),
        help="end each campaign after that time, as in 2h",
        default_in_words="none",
    )
    evaluation_timeout_s: float | None = setting(
        None,
        Duration("evaluation-timeout"),
        help="give a trial that takes longer to another worker",
        default_in_words="judged by the durations seen so far",
    )
    looked_from: int | None = setting(
        None,
        Whole(0),
        option=None,
        help="how many trials were asked for before results were looked at and others added until something was "
        "decided; none if the number of trials was fixed before",
    )

    def __post_init__(self) -> None:
        check_declared(self)
        if self.is_baseline and self.objective == "one-shot":
            raise InvalidValueError(f"{self.kind} searches nothing: its objective is the architecture score")
        if len(self.architectures) != (self.trials if self.kind == RETRAINING else 0):
            raise InvalidValueError(
                "a retraining has an architecture for each trial, and other campaigns have none: got "
                f"{len(self.architectures)} for {self.trials} trials of {self.kind}"
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

        Reading stored campaigns does not call this: a database can be read where the task cannot be imported.

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
            plugins=task.plugins,
        )

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the database; what is told by the absence of ``looked_from`` is not stored."""
        values = asdict(self)
        if self.looked_from is None:
            del values["looked_from"]
        return values

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> CampaignSettings:
        """Reads what :meth:`to_dict` wrote, also before there were other tasks than ``inverse-1d``.

        Raises:
            UsageError: For an unknown setting, or a value that is not valid.
        """
        read = _of_today(values)
        require_known(cls, read, "setting")
        read["architectures"] = tuple(read.get("architectures") or ())
        try:
            return cls(**read)
        except TypeError as error:
            raise InvalidValueError(f"not the settings of a campaign: {error}") from None

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


def kind_of(settings: Mapping[str, Any], method: str) -> str:
    """The kind of a stored campaign; before there were other tasks, it was among the names of methods."""
    old = (*OLD_BASELINES, RANDOM, RANDOM_SEARCH, RETRAINING)
    return str(settings.get("kind") or (method if method in old else SEARCH))


def _of_today(values: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings in their present form: older campaigns have their kind among the names of methods."""
    read = dict(values)
    if "kind" not in read and "method" in read:
        method = read.pop("method")
        read["kind"] = kind_of(values, method)
        read["method"] = method if read["kind"] == SEARCH else "das"
    return with_task_settings(read)
