"""What ``evaluate`` and ``baseline`` share: options of campaigns, their execution, and their numbers."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from das_hpo import logs
from das_hpo.commands.command import (
    add_database,
    add_duration,
    add_format,
    checked,
    database,
    natural,
    positive,
    print_table,
    say,
)
from das_hpo.commands.command import number as a_number
from das_hpo.commands.connecting import add_service, service, stop_on_signals
from das_hpo.commands.problem import PROBLEM, add_choices, add_task, words
from das_hpo.output import Table
from das_hpo.progress import Progress, Snapshot
from das_hpo.settings import check_run_name
from spaces.task import PSNR
from spaces.task_registry import DEFAULT_TASK

if TYPE_CHECKING:
    import pandas

    from das_hpo.campaigns.campaign import CampaignSettings
    from spaces.task import Task

#: Settings of ``inverse-1d`` of which several values make several campaigns.
SEVERAL = ("space", "operations", "data")

COLUMNS = (
    "campaign",
    "trials",
    "completed",
    "diverged",
    "failed",
    "one_shot_max_psnr",
    "one_shot_mean_psnr",
    "one_shot_median_psnr",
    "max_psnr",
    "mean_psnr",
    "median_psnr",
    "std_psnr",
    "correlation",
    "duration_s",
)
SHORT = (
    "campaign",
    "trials",
    "diverged",
    "failed",
    "max_psnr",
    "mean_psnr",
    "median_psnr",
    "correlation",
    "duration_s",
)


def add_trials(parser: argparse.ArgumentParser, *, epochs_default: str) -> None:
    """Adds the options of campaigns."""
    group = parser.add_argument_group("the trials")
    group.add_argument("--trials", type=positive, default=75, metavar="N", help="trials of each campaign")
    group.add_argument(
        "--epochs",
        type=a_number,
        metavar="EPOCHS",
        help=f"epochs of every search and of every training of an architecture (default: {epochs_default})",
    )
    group.add_argument(
        "--seed",
        type=natural,
        default=0,
        metavar="N",
        help="every random number follows from it; campaigns of one seed are paired, trial by trial",
    )
    problem = parser.add_argument_group("the problem (several values make several campaigns)")
    add_task(problem, f"{DEFAULT_TASK}, or that of the run that is evaluated")
    for name in SEVERAL:
        registry = PROBLEM[name][1]
        problem.add_argument(
            f"--{name}",
            nargs="+",
            metavar="NAME",
            help=f"{words(registry)} (default: {next(iter(registry))}, or that of the run that is evaluated)",
        )
    add_choices(problem)
    limits = parser.add_argument_group("limits")
    add_duration(
        limits,
        "time-limit",
        help="end each campaign after that time, as in 2h (default: none)",
    )
    add_duration(
        limits,
        "evaluation-timeout",
        help="give a trial that takes longer to another worker (default: judged by the durations seen so far)",
    )
    parser.add_argument(
        "--name",
        type=checked(_name),
        help="the campaign's name, or what the names of several begin with (default: what is evaluated on which "
        "problem; a campaign of the same trials is continued, whatever its name; a name that is taken by one with "
        "other settings is refused, and what differs is said)",
    )
    add_service(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_database(parser)
    add_format(parser)


def problems(args: argparse.Namespace, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those settings of a task, with every combination of the values of ``--space``, ``--operations`` and ``--data``.

    ``--set`` has been read into the settings by the caller.
    """
    given = {name: dict.fromkeys(getattr(args, name)) for name in SEVERAL if getattr(args, name)}
    return [{**settings, **dict(zip(given, values, strict=True))} for values in product(*given.values())]


def campaign_name(what: str, task: Task, suffix: str = "") -> str:
    """The name of a campaign that was given none: what is evaluated, and on which problem."""
    words = [task.labels.space, task.labels.operations, task.labels.data] if task.name == DEFAULT_TASK else [task.name]
    text = "-".join([what, *words, *([suffix] if suffix else [])])
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:64]


def compute(args: argparse.Namespace, wanted: Sequence[CampaignSettings]) -> int:
    """Computes what is missing of the campaigns, and prints their numbers; the exit status."""
    url = database(args)
    campaigns = under_their_names(args, url, wanted)
    where = service(args)
    from das_hpo import execution

    logs.start(verbose=args.verbose, least=logging.WARNING)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        watch = stack.enter_context(_Watch(len(campaigns), quiet=args.quiet))
        ended = execution.execute_campaigns(campaigns, url, where, stop=stop, progress=watch)
    print_table(numbers(url, [campaign.name for campaign in campaigns[: len(ended)]]), args)
    last = ended[-1]
    failed = [one.run for one in ended if one.snapshot.failed and one.snapshot.failed == one.snapshot.finished]
    for name in failed:
        say(f"all evaluations of {name} have failed: `das-hpo results {name} --all` says why")
    if last.status == "completed":
        return 1 if failed else 0
    say(f"{last.run} ended early, as {last.message}: what is done is kept, the same command goes on")
    return 130 if last.signalled else 0


def under_their_names(args: argparse.Namespace, url: str, wanted: Sequence[CampaignSettings]) -> list[CampaignSettings]:
    """The campaigns under their names, those that are in the database already under the names they have there."""
    from das_hpo.analysis.comparison.lookup import run_records
    from das_hpo.campaigns.campaign import require_extended, stored_campaigns
    from spaces.errors import DatabaseMissingError

    try:
        records = run_records(url)
    except DatabaseMissingError:
        records = {}
    stored = stored_campaigns(records.values())
    taken = set(records)
    campaigns: list[CampaignSettings] = []
    for one in [campaign.check() for campaign in wanted]:
        if args.name is not None:
            name = args.name if len(wanted) == 1 else f"{args.name}-{one.name}"
            campaigns.append(replace(one, name=name))
            if name in records:
                require_extended(records[name], campaigns[-1])
            continue
        same = [found for found in stored if found.has_trials_of(one)]
        if same:
            most = max(same, key=lambda found: found.trials)
            limits = replace(most, time_limit_s=one.time_limit_s, evaluation_timeout_s=one.evaluation_timeout_s)
            campaigns.append(replace(limits, trials=max(most.trials, one.trials)))
            continue
        name, count = one.name, 1
        while name in taken:
            count += 1
            name = f"{one.name[:60]}-{count}"
        taken.add(name)
        campaigns.append(replace(one, name=name))
    return campaigns


def numbers(url: str, names: Sequence[str]) -> Table:
    """The statistics of campaigns, one row each; scores without a prefix are of architectures."""
    from storage.frames import load_results

    frames = {name: load_results(url, name) for name in names}
    metrics = {metric for frame in frames.values() for metric in frame["metric"]}
    word = "psnr" if metrics <= {PSNR.name} else "score"
    rows = [_row(name, frame, word) for name, frame in frames.items()]
    columns, short = (tuple(c.replace("psnr", word) for c in some) for some in (COLUMNS, SHORT))
    return Table.of(rows, columns, short)


def _row(name: str, frame: pandas.DataFrame, word: str) -> dict[str, Any]:
    from das_hpo.analysis.comparison.rows import trials_of
    from das_hpo.analysis.statistics import correlation, summarise
    from das_hpo.analysis.statistics.samples import finished

    frame = trials_of(frame)  # of a random search, the best of a trial's draws
    counts = frame["status"].value_counts()
    done = finished(frame)
    row: dict[str, Any] = {
        "campaign": name,
        "trials": len(frame),
        **{status: int(counts.get(status, 0)) for status in ("completed", "diverged", "failed")},
        "duration_s": float(done["duration_s"].mean()) if len(done) else None,
    }
    for prefix, column in (("one_shot_", "one_shot_score"), ("", "architecture_score")):
        if done[column].notna().any():
            found = summarise(done[column])
            row |= {
                f"{prefix}max_{word}": found.maximum,
                f"{prefix}mean_{word}": found.mean,
                f"{prefix}median_{word}": found.median,
                f"{prefix}std_{word}": found.standard_deviation,
            }
    if (done["one_shot_score"].notna() & done["architecture_score"].notna()).sum() > 2:
        row["correlation"] = correlation(done["one_shot_score"], done["architecture_score"]).coefficient
    return row


def _name(text: str) -> str:
    check_run_name(text)
    return text


class _Watch:
    """Progress of one campaign after the other.

    Args:
        count: How many there are.
        quiet: Whether nothing is shown.
    """

    def __init__(self, count: int, *, quiet: bool) -> None:
        self._count = count
        self._quiet = quiet
        self._begun = 0
        self._run: str | None = None
        self._bars = ExitStack()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.close()

    def __call__(self, snapshot: Snapshot) -> None:
        """Shows where the present one is."""
        if snapshot.run != self._run:
            self._run = snapshot.run
            self._begun += 1
            self._bars.close()
            if not self._quiet:
                say(f"campaign {self._begun} of {self._count}: {snapshot.run}")
                self._bar = self._bars.enter_context(Progress())
        if self._bar is not None:
            self._bar.update(snapshot)
