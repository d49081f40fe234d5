"""``das-hpo show``: one run in full."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import Command, add_database, add_format, print_table
from das_hpo.commands.completing import add_run
from das_hpo.commands.incumbent import reading_record, record
from das_hpo.commands.reading import reading
from das_hpo.commands.runs import best_column, print_runs, row
from das_hpo.logs import FOLDER, file_of
from das_hpo.output import Table, as_json, as_text, text_cell
from spaces.trial import to_score

if TYPE_CHECKING:
    from storage.records import Incumbent, RunSummary
    from storage.run_workers import RunWorker

#: How an attempt of a worker can end without an outcome, by the column.
ENDS = {"handed_back": "handed-back", "lost": "lost", "error": "error"}
WORKERS = ("worker", "device", "attempts", *ENDS, "log")

#: How many workers a table lists, those with the most attempts.
MOST_WORKERS = 12

RUNGS = ("budget", "queued", "running", "completed", "diverged", "failed")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run(parser, group=True)
    add_database(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints settings, rungs and the best configuration; as CSV the rungs alone."""
    from storage import queries
    from storage.groups import groups
    from storage.run_workers import workers_of

    with reading(args) as database:
        members = groups(database).get(args.run)
        if members is not None:
            print_runs([queries.show(database, name) for name in members], args)
            return 0
        summary = queries.show(database, args.run)
        best = queries.incumbents(database, args.run)
        workers = _workers(workers_of(database, args.run))
    best_name = best_column(summary.run.metric)
    rungs = Table.of(_rungs(summary, best_name), (*RUNGS, best_name))
    if args.format == "json":
        sys.stdout.write(
            as_json(
                {
                    **row(summary),
                    "settings": summary.run.settings,
                    "rungs": _rungs(summary, best_name),
                    "best": [record(one) for one in best],
                    "workers": workers,
                }
            )
        )
    elif args.format == "csv":
        print_table(rungs, args)
    else:
        sections = _sections(summary, rungs, best)
        if workers:
            logged = any(worker["log"] for worker in workers)
            columns = [name for name in WORKERS if name != "log" or logged]
            sections.append(as_text(Table.of(workers[:MOST_WORKERS], columns)))
        sys.stdout.write("\n".join(sections))
    return 0


def _workers(found: Sequence[RunWorker]) -> list[dict[str, Any]]:
    """The workers, and where each one's log is: in the folder of the environment, if it is there."""
    folder = os.environ.get(FOLDER)
    logs = [file_of(Path(folder), worker.info.name) if folder else None for worker in found]
    return [
        {
            "worker": worker.info.name,
            "device": worker.info.device,
            "attempts": sum(worker.attempts.values()),
            **{name: worker.attempts.get(status, 0) for name, status in ENDS.items()},
            "log": str(log) if log is not None and log.exists() else None,
        }
        for worker, log in zip(found, logs, strict=True)
    ]


def _rungs(summary: RunSummary, best_name: str) -> list[dict[str, Any]]:
    return [
        {
            "budget": budget.budget,
            **{status: budget.counts.get(status, 0) for status in RUNGS[1:]},
            best_name: to_score(budget.best_loss, summary.run.metric.larger_is_better),
        }
        for budget in summary.budgets
    ]


def _sections(summary: RunSummary, rungs: Table, best: tuple[Incumbent, ...] | list[Incumbent]) -> list[str]:
    run = {name: value for name, value in row(summary).items() if value is not None}
    nested = ("settings", "choices", "decisions", "ranges", "fixed", "space_file")
    apart = (*run, *nested, "name", "given")
    settings = {name: value for name, value in summary.run.settings.items() if name not in apart}
    given = summary.run.settings.get("given")
    if given:
        settings["given"] = ", ".join(each["label"] for each in given)
    sections = [as_text(pairs(run)), as_text(pairs(settings, "setting"))]
    for name in nested:
        if summary.run.settings.get(name):
            sections.append(as_text(pairs(summary.run.settings[name], name)))
    sections.append(as_text(rungs))
    sections += [as_text(pairs(reading_record(one), "best")) for one in best]
    return sections


def pairs(values: dict[str, Any], title: str = "") -> Table:
    """Names and values below each other, each value as its own kind is written."""
    return Table((title or "name", "value"), tuple((name, text_cell(value, name)) for name, value in values.items()))


COMMAND = Command(
    summary="one run in full: settings, rungs, best configuration; or the runs of a group",
    description="Prints a run's settings, the evaluations of each rung (budget in epochs) by status with the best "
    "score there, the best configuration, and the workers: how their attempts ended, and where their logs are (of the "
    "environment's DAS_HPO_LOG_DIR). csv has the rungs alone. Of a group, it prints one row for each run.",
    examples=("das-hpo show one-shot-blur-20261124-0500-ab12", "das-hpo show my-run -f json"),
    configure=configure,
    execute=execute,
)
