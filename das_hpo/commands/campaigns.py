"""What ``evaluate`` and ``baseline`` share: options of campaigns, their execution, and their numbers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.commands.command import add_database, add_format, database, print_table, say
from das_hpo.commands.connecting import add_service, service
from das_hpo.commands.options import add_setting
from das_hpo.commands.problem import add_task, add_task_settings
from das_hpo.commands.watching import watching
from das_hpo.declaration import declarations
from das_hpo.output import Table
from das_hpo.task_options import TASK_OPTIONS
from spaces.task import PSNR
from spaces.task_registry import DEFAULT_TASK

if TYPE_CHECKING:
    import pandas

    from spaces.task import Task

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
    trials = declarations(CampaignSettings)["trials"].default
    add_setting(group, CampaignSettings, "trials", default_in_words=str(trials))
    add_setting(group, CampaignSettings, "budget", default_in_words=epochs_default)
    add_setting(group, CampaignSettings, "seed")
    problem = parser.add_argument_group("the problem (several values make several campaigns)")
    add_task(problem, f"{DEFAULT_TASK}, or that of the run that is evaluated")
    for name, option in TASK_OPTIONS.items():
        if option.several:
            text = f"{option.words} (default: {option.default}, or that of the run that is evaluated)"
            problem.add_argument(f"--{name}", nargs="+", metavar="NAME", help=text)
    add_task_settings(problem)
    limits = parser.add_argument_group("limits")
    add_setting(limits, CampaignSettings, "time_limit_s")
    add_setting(limits, CampaignSettings, "evaluation_timeout_s")
    add_setting(parser, CampaignSettings, "name")
    add_service(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_database(parser)
    add_format(parser)


def problems(args: argparse.Namespace, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those settings of a task, with every combination of the values of ``--space``, ``--operations`` and ``--data``.

    ``--set`` has been read into the settings by the caller.
    """
    several = [name for name, option in TASK_OPTIONS.items() if option.several and getattr(args, name)]
    given = {name: dict.fromkeys(getattr(args, name)) for name in several}
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

    with watching(verbose=args.verbose, quiet=args.quiet, url=url) as watch:
        watch.expected = len(campaigns)
        ended = execution.execute_campaigns(campaigns, url, where, stop=watch.stop, progress=watch)
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
    """The campaigns under their names, those that are in the database already under the names they have there.

    Raises:
        UsageError: If a ``--name`` is taken by something else.
    """
    from das_hpo.analysis.comparison.lookup import run_records
    from das_hpo.campaigns.matching import continued, find, stored_campaigns, with_limits_of
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
            campaign = replace(one, name=args.name if len(wanted) == 1 else f"{args.name}-{one.name}")
            there = records.get(campaign.name)
            campaigns.append(campaign if there is None else continued(there, campaign))
            continue
        same = find(stored, one)
        if same is not None:
            campaigns.append(with_limits_of(same, one))
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
    from das_hpo.analysis.comparison.rows import warn_of_mixed_code
    from storage.frames import load_results

    frames = {name: load_results(url, name) for name in names}
    for name, frame in frames.items():
        warn_of_mixed_code(name, frame)
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
