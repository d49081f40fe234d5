"""Databases of trials that are drawn from known populations, and what ``das-hpo compare`` prints of them.

Nothing is trained and everything else is real: the trials are stored as a service stores them, and the command is
the one that users run. ``benchmarks.coverage`` counts how often its sentences are true.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from das_hpo import cli
from spaces.hyperparameters import PRESETS
from spaces.identity import ConfigurationId
from spaces.inverse_1d.architecture import Architecture
from spaces.task import PSNR, Metric
from spaces.trial import TrialOutcome, TrialSpec
from storage import writes
from storage.engine import open_database
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome, NewRun, WorkerInfo


@dataclass(frozen=True, slots=True)
class World:
    """One campaign of trials whose scores are given.

    Attributes:
        name: Of the campaign.
        scores: The architecture score of each trial; NaN for diverged.
        one_shot: The one-shot score of each trial; by default 1 less.
        first_seed: The seeds count from it, so that campaigns share seeds where these overlap.
        metric: What the scores are.
        choices: Further settings of the task that are not the default.
        budget: Epochs.
        columns: Others than the usual space, operations, data and method.
        fingerprint: Of the task's code.
    """

    name: str
    scores: Sequence[float]
    one_shot: Sequence[float] | None = None
    first_seed: int = 0
    metric: Metric = PSNR
    choices: Mapping[str, Any] = field(default_factory=dict)
    budget: float = 9.0
    columns: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str | None = None


def fill(url: str, *worlds: World) -> None:
    """Stores the campaigns."""
    worker = WorkerInfo("host-0", "host", 100, "cpu", "0")
    architecture = str(Architecture.random("sequential", "good", random.Random(0)))
    with open_database(url, create=True) as database, database.begin() as session:
        for world in worlds:
            labels = {"space": "sequential", "operations": "good", "data": "blur", "method": "das", **world.columns}
            run_id = writes.create_run(
                session,
                NewRun(
                    name=world.name, kind="campaign", objective="architecture", optimizer="", seed=0,
                    settings={"choices": dict(world.choices)}, task_settings=dict(world.choices),
                    metric=world.metric, **labels,
                ),
            )  # fmt: skip
            one = ConfigurationId(0, 0, 0)
            writes.add_configuration(session, run_id, NewConfiguration(one, "preset", {}, PRESETS["H1"].to_dict()))
            one_shot = world.one_shot if world.one_shot is not None else [score - 1 for score in world.scores]
            for place, (score, other) in enumerate(zip(world.scores, one_shot, strict=True)):
                spec = TrialSpec("inverse-1d", {}, world.budget, world.first_seed + place)
                evaluation = writes.queue_evaluation(session, run_id, NewEvaluation(one, place, spec))
                token = f"{world.name}-{place}"
                writes.start_attempt(session, evaluation, token, worker)
                outcome = (
                    TrialOutcome("diverged", None, None, None, None)
                    if math.isnan(score)
                    else TrialOutcome(
                        "completed", float(other), float(score), architecture, 1690, fingerprint=world.fingerprint
                    )
                )
                loss = outcome.loss("architecture", world.metric.larger_is_better)
                writes.record_outcome(session, NewOutcome(token, outcome, loss, 1.5))
            writes.set_run_status(session, run_id, "completed")


def printed(*arguments: str) -> str:
    """What a command prints on stdout; it has to succeed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = cli.main(list(arguments))
    if status:
        raise RuntimeError(f"das-hpo {' '.join(arguments)} ended with {status}")
    return out.getvalue()


def compared(folder: Path, *worlds: World, options: Sequence[str] = ()) -> dict[str, Any]:
    """What ``das-hpo compare -f json`` says of campaigns in a database of their own, and ``text``, what it prints."""
    url = f"sqlite:///{folder / 'worlds.db'}"
    for leftover in folder.glob("worlds.db*"):
        leftover.unlink()
    fill(url, *worlds)
    words = ("compare", *(world.name for world in worlds), "--db", url, *options)
    found: dict[str, Any] = json.loads(printed(*words, "-f", "json"))
    return found
