"""Small real databases with finished runs and campaigns, for tests of what reads them."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spaces.hyperparameters import PRESETS, Hyperparameters
from spaces.identity import ConfigurationId
from spaces.inverse_1d.architecture import Architecture
from spaces.task import PSNR, Metric
from spaces.trial import Epoch, TrialOutcome, TrialSpec
from storage import writes
from storage.engine import open_database
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome, NewRun, WorkerInfo


@dataclass(frozen=True)
class Trial:
    """One evaluation to be stored; a PSNR of None diverged, unless its status is ``failed`` or ``queued``."""

    architecture_psnr: float | None
    one_shot_psnr: float | None = None
    number: int = 0
    budget: float = 9.0
    replicate: int = 0
    seed: int = 0
    hyperparameters: Hyperparameters = PRESETS["H1"]
    origin: str = "preset"
    lost_first: bool = False
    epochs: tuple[Epoch, ...] = ()
    status: str | None = None


@dataclass(frozen=True)
class Run:
    """One run to be stored."""

    name: str
    trials: Sequence[Trial]
    kind: str = "campaign"
    objective: str = "architecture"
    space: str = "sequential"
    operations: str = "good"
    data: str = "blur"
    method: str = "das"
    optimizer: str = "bohb"
    settings: dict[str, Any] = field(default_factory=dict)
    metric: Metric = PSNR


def store(url: str, *runs: Run) -> None:
    """Writes the runs as a service would: configuration, evaluation, attempt, outcome."""
    with open_database(url, create=True) as database:
        for run in runs:
            with database.begin() as session:
                run_id = writes.create_run(
                    session,
                    NewRun(
                        name=run.name, kind=run.kind, objective=run.objective, space=run.space,
                        operations=run.operations, data=run.data, method=run.method, optimizer=run.optimizer,
                        seed=0, settings=run.settings, task_settings=run.settings.get("choices", {}),
                        metric=run.metric,
                    ),
                )  # fmt: skip
                known = set()
                for index, trial in enumerate(run.trials):
                    store_trial(session, run, run_id, index, trial, new=trial.number not in known)
                    known.add(trial.number)
                writes.set_run_status(session, run_id, "completed")


def store_trial(session: Any, run: Run, run_id: int, index: int, trial: Trial, *, new: bool = True) -> None:
    """Writes one evaluation of a run, and its configuration if that is new."""
    if new:
        configuration = ConfigurationId(0, 0, trial.number)
        writes.add_configuration(
            session, run_id, NewConfiguration(configuration, trial.origin, {}, trial.hyperparameters.to_dict())
        )
    spec = TrialSpec("inverse-1d", {}, trial.budget, trial.seed)
    evaluation = NewEvaluation(ConfigurationId(0, 0, trial.number), trial.replicate, spec)
    evaluation_id = writes.queue_evaluation(session, run_id, evaluation)
    if trial.status == "queued":
        return
    worker = WorkerInfo(f"host-{index % 2}", "host", 100 + index % 2, "cpu", "0")
    if trial.lost_first:
        writes.start_attempt(session, evaluation_id, f"{run.name}-{index}-lost", worker)
        writes.end_attempt(session, f"{run.name}-{index}-lost", "lost", "its lease ran out", final=False)
    token = f"{run.name}-{index}"
    writes.start_attempt(session, evaluation_id, token, worker)
    if trial.status == "failed":
        writes.end_attempt(session, token, "lost", "its lease ran out", final=True)
        return
    architecture = str(Architecture.random(run.space, run.operations, random.Random(index)))
    diverged = trial.architecture_psnr is None and trial.one_shot_psnr is None
    outcome = TrialOutcome(
        "diverged" if diverged else "completed",
        trial.one_shot_psnr,
        trial.architecture_psnr,
        None if diverged else architecture,
        1690,
        trial.epochs,
    )
    loss = outcome.loss(run.objective, run.metric.larger_is_better)
    writes.record_outcome(session, NewOutcome(token, outcome, loss, 1.5))


def group(
    name: str,
    scores: Sequence[Sequence[float | None]],
    *,
    first_seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    **rest: Any,
) -> list[Run]:
    """A group of runs ``NAME-seed0`` ..., with a campaign ``of-NAME-seed0`` ... of these scores for each incumbent.

    Every run has an incumbent of its own; a run without scores has no campaign. Trials of all campaigns share their
    seeds, which are counted from ``first_seed`` on.
    """
    made = []
    for number, values in enumerate(scores):
        run = f"{name}-seed{number}"
        rate = 0.001 + 1e-9 * (zlib.crc32(run.encode()) % 1_000_000)
        point = replace(PRESETS["H1"], alpha_learning_rate=rate)
        evaluated = [Trial(30.0 + number, 29.0 + number, hyperparameters=point, origin="model")]
        made.append(Run(run, evaluated, kind="run", settings={"group": name, **(settings or {})}, **rest))
        if values:
            anew = trials(values, first_seed=first_seed, hyperparameters=point, origin="fixed")
            made.append(Run(f"of-{run}", anew, **{key: value for key, value in rest.items() if key != "objective"}))
    return made


def trials(psnrs: Sequence[float | None], first_seed: int = 0, **rest: Any) -> list[Trial]:
    """Replicates of one configuration with seeds from ``first_seed`` on; the one-shot PSNR is 1 dB lower."""
    return [
        Trial(psnr, None if psnr is None else psnr - 1, replicate=index, seed=first_seed + index, **rest)
        for index, psnr in enumerate(psnrs)
    ]
