"""Campaigns: trials of a given configuration, or of baselines, on the same workers and in the same storage as runs.

    das, das-single                          trial r searches with the r-th seed                        (section 5)
    learnable-gradient-only, net-only        trial r trains the uniform architecture with the r-th seed
    random                                   trial r trains the r-th random architecture
    random-search                            trial r is the best of k random architectures, k as many as
                                             fit the time of one DAS run
    retraining                               trial r trains the r-th of the given architectures, several times

Trial r of every campaign of one seed has the same seed, whatever it evaluates, so that campaigns are compared
in pairs. Configuration ids are (0, 0, 0) with the trial as replicate where all trials share a configuration;
else (trial, 0, draw); of a retraining (trial, 0, 0) with the draw as replicate.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from das_hpo import __version__
from das_hpo.durations import require_duration
from das_hpo.settings import RETRAIN, check_run_name
from spaces.errors import InvalidValueError, UnknownNameError, UnknownPartError
from spaces.hyperparameters import PRESETS, Hyperparameters, preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import LEARNABLE_GRADIENT, METHODS, NET
from spaces.seeds import derive_seed
from spaces.trial import OBJECTIVES, TrialSpec
from storage.entries import NewRun
from storage.records import RunRecord

#: What trains one architecture everywhere.
UNIFORM = {"learnable-gradient-only": LEARNABLE_GRADIENT, "net-only": NET}

#: What searches nothing (section 5.2).
BASELINES = (*UNIFORM, "random", "random-search")

#: What trains given architectures again: how much of their PSNR is theirs, and how much is luck?
RETRAINING = "retraining"

#: The method of the trials of what searches nothing: they are given an architecture, and ask it for nothing.
SEARCHING = next(iter(METHODS))

#: What evaluates a trial more than once.
REPEATED = ("random-search", RETRAINING)


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """One campaign.

    Attributes:
        name: The run's unique name.
        method: A method of DAS, such as ``das``, one of :data:`BASELINES`, or ``retraining``.
        hyperparameters: Of all trials; baselines use those of the weights alone.
        label: Where they are from: a preset's name, or a run's.
        trials: How many.
        budget: Epochs of each search, and of each training of an architecture.
        objective: Whose PSNR the loss is.
        space: ``sequential`` or ``cell``.
        operations: ``good`` or ``all``.
        data: ``blur`` or ``downsampling``.
        retrain: ``always``, or ``auto``: for the objective ``architecture`` only.
        draws: Random architectures of each trial of a random search; trainings of each architecture of a
            retraining.
        architectures: Canonical strings: what a retraining trains, one a trial; none for the others.
        seed: From which the seeds of all trials are derived.
        choices: What the paper leaves open.
        time_limit_s: Seconds after which it ends, keeping what is done; None is no limit.
        evaluation_timeout_s: Seconds after which an evaluation counts as hung.

    Raises:
        UsageError: For whatever is not valid; nothing has been done by then.
    """

    name: str
    method: str = "das"
    hyperparameters: Hyperparameters = PRESETS["H1"]
    label: str = "H1"
    trials: int = 75
    budget: float = 50.0
    objective: str = "architecture"
    space: str = "sequential"
    operations: str = "good"
    data: str = "blur"
    retrain: str = "always"
    draws: int = 5
    architectures: tuple[str, ...] = ()
    seed: int = 0
    choices: Choices = field(default_factory=Choices)
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
        if self.method not in (*METHODS, *BASELINES, RETRAINING):
            raise UnknownPartError("method", self.method, (*METHODS, *BASELINES, RETRAINING))
        for name in METHODS:
            if name in (*BASELINES, RETRAINING):
                raise InvalidValueError(f"no method of DAS can be named {name!r}, as a kind of campaign is: rename it")
        if not 0 <= self.seed < 2**63:
            raise InvalidValueError(f"a seed is an integer in [0, 2**63), {self.seed} came")
        for name in ("trials", "draws"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidValueError(f"{name} must be a whole number of 1 or more, {value} came")
        if self.is_baseline and self.objective == "one-shot":
            raise InvalidValueError(f"{self.method} searches nothing: its objective is the architecture PSNR")
        for name, seconds in (("time-limit", self.time_limit_s), ("evaluation-timeout", self.evaluation_timeout_s)):
            if seconds is not None:
                require_duration(name, seconds)
        if len(self.architectures) != (self.trials if self.method == RETRAINING else 0):
            raise InvalidValueError(
                f"a retraining has an architecture for each trial, and others have none: {len(self.architectures)} "
                f"came for {self.trials} trials of {self.method}"
            )
        self.spec(0, 0)

    @property
    def is_baseline(self) -> bool:
        """Whether architectures are given instead of searched."""
        return self.method in (*BASELINES, RETRAINING)

    @property
    def evaluations_per_trial(self) -> int:
        """More than one for a random search and a retraining."""
        return self.draws if self.method in REPEATED else 1

    def architecture(self, trial: int, draw: int) -> str | None:
        """The architecture that is trained; None if one is searched."""
        if self.method in UNIFORM:
            return str(Architecture.uniform(self.space, UNIFORM[self.method]))
        if self.method == RETRAINING:
            return self.architectures[trial]
        if not self.is_baseline:
            return None
        generator = random.Random(derive_seed(self.seed, "architecture", trial, draw))
        return str(Architecture.random(self.space, self.operations, generator))

    def trial_seed(self, trial: int, draw: int = 0) -> int:
        """The seed of a trial: of the campaign's seed and the trial's number (and the draw's, after the first)."""
        return derive_seed(self.seed, "trial", trial) if draw == 0 else derive_seed(self.seed, "trial", trial, draw)

    def spec(self, trial: int, draw: int) -> TrialSpec:
        """What a worker is asked for one evaluation."""
        return TrialSpec(
            hyperparameters=self.hyperparameters,
            budget=self.budget,
            seed=self.trial_seed(trial, draw),
            space=self.space,
            operations=self.operations,
            data=self.data,
            method=SEARCHING if self.is_baseline else self.method,
            retrain=self.is_baseline or self.retrain == "always" or self.objective == "architecture",
            architecture=self.architecture(trial, draw),
            choices=self.choices,
        )

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the database."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> CampaignSettings:
        """Reads what :meth:`to_dict` wrote; hyperparameters may be a preset's name.

        Raises:
            UsageError: For an unknown setting, or a value that is not valid.
        """
        known = {entry.name for entry in fields(cls)}
        for name in values:
            if name not in known:
                raise UnknownNameError("setting", name, sorted(known))
        read = dict(values)
        point = read.get("hyperparameters", "H1")
        if isinstance(point, str):
            read["hyperparameters"] = preset(point)
            read.setdefault("label", point)
        elif not isinstance(point, Hyperparameters):
            read["hyperparameters"] = Hyperparameters.from_mapping(point)
        if not isinstance(read.get("choices"), Choices):
            read["choices"] = Choices.from_mapping(read.get("choices") or {})
        read["architectures"] = tuple(read.get("architectures") or ())
        try:
            return cls(**read)
        except TypeError as error:
            raise InvalidValueError(f"not the settings of a campaign: {error}") from None

    @classmethod
    def known(cls, records: Iterable[RunRecord]) -> list[CampaignSettings]:
        """The campaigns among stored runs, without those of parts that no registry of this process holds.

        Such parts are a plug-in's that was not named, so that nothing of theirs can be what is asked for.
        """
        found = []
        for record in records:
            if record.kind == "campaign":
                with contextlib.suppress(UnknownPartError):
                    found.append(cls.from_mapping(record.settings))
        return found

    def is_extended_by(self, other: CampaignSettings) -> bool:
        """Whether the other is this campaign with as many trials or more; limits may differ."""
        if other.trials < self.trials:
            return False
        limits = {name: getattr(self, name) for name in ("time_limit_s", "evaluation_timeout_s")}
        # A retraining has an architecture for each trial.
        fewer = other.architectures[: len(self.architectures)]
        return replace(other, trials=self.trials, architectures=fewer, **limits) == self

    def has_trials_of(self, other: CampaignSettings) -> bool:
        """Whether both have the same trials, be they named otherwise, of another number or under other limits."""
        ignored = ["name", "label", "trials", "time_limit_s", "evaluation_timeout_s"]
        if self.method not in REPEATED:
            ignored.append("draws")
        return replace(other, **{name: getattr(self, name) for name in ignored}) == self

    def new_run(self) -> NewRun:
        """What is stored of it."""
        return NewRun(
            name=self.name,
            kind="campaign",
            objective=self.objective,
            space=self.space,
            operations=self.operations,
            data=self.data,
            method=self.method,
            optimizer=self.label,
            seed=self.seed,
            settings=self.to_dict(),
            version=__version__,
        )
