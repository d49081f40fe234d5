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
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.populations import Draw, diverging, normal, two_kinds
from das_hpo import cli
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, MARGIN, UNDECIDED, WORSE
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
                outcome = TrialOutcome("diverged", fingerprint=world.fingerprint)
                if not math.isnan(score):
                    scores = float(other), float(score)
                    outcome = TrialOutcome("completed", *scores, architecture, 1690, fingerprint=world.fingerprint)
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
    """What ``das-hpo compare -f json`` says of campaigns in a database of their own, which is made in the folder."""
    url = f"sqlite:///{folder / 'worlds.db'}"
    for leftover in folder.glob("worlds.db*"):
        leftover.unlink()
    fill(url, *worlds)
    words = ("compare", *(world.name for world in worlds), "--db", url, *options)
    found: dict[str, Any] = json.loads(printed(*words, "-f", "json"))
    return found


def said_of(found: Mapping[str, Any], first: str = "a", second: str = "b") -> str:
    """What the sentence about two campaigns calls the first: better, as good, worse or undecided."""
    (sentence,) = (text for text in found["verdict"] if text.startswith(f"{first} against {second}: "))
    verdicts = rf"(?:the trials of {first} are (better|as good|worse)|not decided)"
    word = re.match(f"{first} against {second}: {verdicts}", sentence)
    if word is None:
        raise ValueError(f"no verdict can be read in: {sentence}")
    return word[1] or UNDECIDED


#: Populations of the first and the second campaign, and the typical difference between their trials.
CAMPAIGNS: dict[str, tuple[Draw, Draw, float]] = {
    "equal: normal": (normal(), normal(), 0.0),
    "equal: two kinds": (two_kinds(0.5), two_kinds(0.5), 0.0),
    "equal: spread 5 to 1": (normal(20, 5), normal(), 0.0),
    "equal: 30 % diverge": (diverging(0.3), diverging(0.3), 0.0),
    "0.03 worse, surely": (normal(19.97, 0.05), normal(20, 0.05), -0.03),
    "0.25 better, the margin": (normal(20.25, 0.3), normal(20, 0.3), 0.25),
    "1 better": (normal(21), normal(), 1.0),
}


def sentences(replications: int) -> Iterator[tuple[str, ...]]:
    """Verdicts as users read them: from the database through the command to the sentence."""
    yield "populations", "trials", "better", "as good", "worse", "difference covers", "wrong sentence"
    with tempfile.TemporaryDirectory() as folder:
        for name, (first, second, truth) in CAMPAIGNS.items():
            for m, n in ((5, 75), (75, 75)):
                rng = np.random.default_rng(12)
                said = dict.fromkeys((BETTER, AS_GOOD, WORSE, UNDECIDED), 0)
                wrong = covered = shown = 0
                for _ in range(replications):
                    worlds = World("a", first(rng, m)), World("b", second(rng, n), first_seed=1000)
                    found = compared(Path(folder), *worlds)
                    word, test = said_of(found), found["comparisons"][0]
                    said[word] += 1
                    wrong += is_wrong(word, truth) or word != test["decision"]
                    if test["difference_low"] is not None:
                        shown += 1
                        low, high = float(test["difference_low"]), float(test["difference_high"])
                        covered += low - 1e-9 <= truth <= high + 1e-9
                shares = [f"{said[word] / replications:.1%}" for word in (BETTER, AS_GOOD, WORSE)]
                yield name, f"{m}, {n}", *shares, f"{covered / max(1, shown):.1%}", f"{wrong / replications:.1%}"


def is_wrong(word: str, truth: float) -> bool:
    """Whether what is said of A is not so, if a trial of A is typically so much better than one of B."""
    return (
        (word == BETTER and truth <= 0) or (word == WORSE and truth >= 0) or (word == AS_GOOD and abs(truth) >= MARGIN)
    )
