"""``das-hpo runs``: the runs in the database."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import Command, add_database, add_format, print_table
from das_hpo.commands.reading import reading
from das_hpo.output import Table
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    from storage.records import RunSummary

COLUMNS = (
    "run",
    "kind",
    "objective",
    "space",
    "operations",
    "data",
    "method",
    "optimizer",
    "seed",
    "status",
    "configurations",
    "evaluations",
    "finished",
    "diverged",
    "failed",
    "best_psnr",
    "created_at",
    "finished_at",
    "version",
    "message",
    "task",
    "metric",
    "best_score",
    "tags",
    "note",
)
SHORT = ("run", "objective", "data", "status", "configurations", "evaluations", "finished", "best_psnr", "created_at")

#: What fits a terminal where some run has another metric than PSNR.
SHORT_OF_TASKS = ("run", "task", "objective", "status", "evaluations", "finished", "best_score", "metric", "created_at")


def best_column(metric: Metric) -> str:
    """The name of a column of best scores of one metric."""
    return "best_psnr" if metric == PSNR else "best_score"


def row(summary: RunSummary) -> dict[str, Any]:
    """One run as a row."""
    run, counts = summary.run, summary.counts
    return {
        "run": run.name,
        "kind": run.kind,
        "objective": run.objective,
        "space": run.space,
        "operations": run.operations,
        "data": run.data,
        "method": run.method,
        "optimizer": run.optimizer,
        "seed": run.seed,
        "status": run.state,
        "configurations": summary.configurations,
        "evaluations": summary.evaluations,
        "finished": counts["completed"] + counts["diverged"] + counts["failed"],
        "diverged": counts["diverged"],
        "failed": counts["failed"],
        "best_psnr": summary.best_score if run.metric == PSNR else None,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "version": run.version,
        "message": run.message,
        "task": run.task,
        "metric": run.metric.name,
        "best_score": summary.best_score,
        "tags": list(run.tags) or None,
        "note": run.note,
    }


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--all", action="store_true", help="show all columns in the table, too, not only what fits")
    parser.add_argument(
        "--tag", metavar="TAG", action="append", help="only runs with this tag; may be repeated (default: all runs)"
    )
    add_database(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints one row per run, the newest last."""
    from storage import queries

    with reading(args) as database:
        found = [summary for summary in queries.runs(database) if summary.run.has_tags(args.tag or ())]
    print_runs(found, args)
    return 0


def print_runs(found: Sequence[RunSummary], args: argparse.Namespace) -> None:
    """Prints one row per run; ``--all``, where the command has it, shows all columns in the table, too."""
    short = SHORT if all(summary.run.metric == PSNR for summary in found) else SHORT_OF_TASKS
    every = getattr(args, "all", False)
    print_table(Table.of([row(summary) for summary in found], COLUMNS, None if every else short), args)


COMMAND = Command(
    summary="the runs in the database",
    description="Prints one row per run: its settings, its status, how many evaluations it has and the best score, "
    "by the run's own objective, at its largest budget. A run whose process died is 'interrupted'. The table "
    "shows the columns that fit a terminal; --all, json and csv have all of them.",
    examples=("das-hpo runs", "das-hpo runs --tag paper", "das-hpo runs --db sqlite:///lab.db -f json"),
    configure=configure,
    execute=execute,
)
