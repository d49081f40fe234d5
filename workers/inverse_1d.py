"""The paper's problem as a task: DAS for a one-dimensional inverse problem. torch is imported with the first trial."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from spaces.errors import InvalidValueError, PluginError, UnknownNameError
from spaces.hyperparameters import (
    PRESETS,
    Hyperparameters,
    configuration_space,
    defaults_of,
    from_configuration,
    preset,
    to_configuration,
)
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import LEARNABLE_GRADIENT, NET, parts
from spaces.inverse_1d.trial import INVERSE_1D, PROBLEM, InverseTrial, inverse_settings, split_settings
from spaces.plugins import plugins_of
from spaces.task import PSNR, Labels, Task
from spaces.trial import TrialOutcome, TrialSpec

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

#: What trains one architecture everywhere (the paper's "only" baselines).
UNIFORM = {"learnable-gradient-only": LEARNABLE_GRADIENT, "net-only": NET}

#: Draws every operation uniformly (section 5.2).
RANDOM = "random"


@dataclass(frozen=True)
class Inverse1D(Task):
    """The task ``inverse-1d``; a kernel is no setting, as it changes the numbers in their last digits only.

    Attributes:
        space: ``sequential`` or ``cell``.
        operations: The set of candidate operations, ``good`` or ``all``.
        data: The data formation, ``blur`` or ``downsampling``.
        method: ``das`` or ``das-single``.
        choices: What the paper leaves open.
        kernel: ``auto``, ``torch`` or ``fused``.
    """

    space: str = "sequential"
    operations: str = "good"
    data: str = "blur"
    method: str = "das"
    choices: Choices = field(default_factory=Choices)
    kernel: str = "auto"

    name = INVERSE_1D
    metric = PSNR
    baselines = (*UNIFORM, RANDOM)
    #: Whatever a number can depend on.
    sources = (
        "spaces.inverse_1d",
        "spaces.hyperparameters",
        "spaces.seeds",
        "workers.methods",
        "workers.trials",
        "workers.kernels",
    )

    def __post_init__(self) -> None:
        # Names and their combination are checked where they are used.
        InverseTrial(
            preset("H1", self.method),
            budget=1.0,
            seed=0,
            space=self.space,
            operations=self.operations,
            data=self.data,
            method=self.method,
            choices=self.choices,
        )

    @property
    def labels(self) -> Labels:
        """The names of the settings."""
        return Labels(self.space, self.operations, self.data, self.method)

    @property
    def plugins(self) -> str:
        """Of the plug-ins that have registered parts which the settings name."""
        return plugins_of(parts(self.space, self.operations, self.data, self.method))

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """The paper's (Tables 6 to 8), with the defaults of what the method adds."""
        return {name: preset(name, self.method).to_dict() for name in PRESETS}

    @property
    def settings(self) -> dict[str, Any]:
        """Space, operations, data, method, and every choice."""
        return inverse_settings(self.space, self.operations, self.data, self.method, self.choices)

    def configured(self, settings: Mapping[str, Any]) -> Self:
        """The same with other settings; see :meth:`spaces.task.Task.configured`."""
        known = self.settings
        for name in settings:
            if name not in known:
                raise UnknownNameError("setting", name, known)
        _, choices = split_settings({**known, **settings})
        problem = {name: settings[name] for name in PROBLEM if name in settings}
        return replace(self, choices=choices, **problem)

    def configuration_space(self) -> ConfigurationSpace:
        """The ranges of Table 7, and those of the method, of what the method searches."""
        return configuration_space(self.method)

    def hyperparameters(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """All of a trial; what the method does not search comes from its preset (section 5.4)."""
        return from_configuration(configuration, self.method).to_dict()

    def configuration(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """The point of the configuration space."""
        return to_configuration(Hyperparameters.from_mapping(self.completed(hyperparameters), self.method), self.method)

    def completed(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults of what the method adds, for points of methods that do not have it."""
        return {**hyperparameters, **{k: v for k, v in defaults_of(self.method).items() if k not in hyperparameters}}

    def check_trial(self, spec: TrialSpec) -> None:
        """Refuses parts that a plug-in of the run has registered, and none of this process, or one of other code."""
        InverseTrial.of(spec)
        here = self.configured(spec.settings).plugins
        if spec.plugins != here:
            raise PluginError(
                f"the plug-ins of this process have other code ({here or 'none'}) than those of the run "
                f"({spec.plugins or 'none'}): use the same files"
            )

    def check_hyperparameters(self, values: Mapping[str, Any]) -> None:
        """The eight and those of the method, and no others; see :class:`spaces.hyperparameters.Hyperparameters`."""
        Hyperparameters.from_mapping(values, self.method)

    def baseline_architecture(self, baseline: str, generator: random.Random) -> str:
        """One operation everywhere, or each drawn."""
        if baseline in UNIFORM:
            return str(Architecture.uniform(self.space, UNIFORM[baseline]))
        if baseline == RANDOM:
            return str(Architecture.random(self.space, self.operations, generator))
        raise InvalidValueError(f"unknown baseline {baseline!r}: valid are {', '.join(self.baselines)}")

    def prepare(self, device: str) -> None:
        """Compiles the kernels, or loads them."""
        from workers.kernels import prepare

        prepare(device, self.kernel)

    def run_trials(self, specs: Sequence[TrialSpec], device: str) -> list[TrialOutcome]:
        """See :func:`workers.trials.pipeline.run_trials`."""
        from workers.trials.pipeline import run_trials

        return run_trials([InverseTrial.of(spec) for spec in specs], device=device, kernel=self.kernel)


TASK = Inverse1D()


def with_kernel(task: Task, kernel: str) -> Task:
    """The same task with that kernel, if it is this one; another task has no kernels to choose from."""
    return replace(task, kernel=kernel) if isinstance(task, Inverse1D) else task
