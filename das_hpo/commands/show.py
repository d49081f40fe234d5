"""``das-hpo show``: one run in full."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import Command, add_database, add_format, print_table
from das_hpo.commands.completing import add_run
from das_hpo.commands.incumbent import reading_record, record
from das_hpo.commands.reading import reading
from das_hpo.commands.runs import best_column, print_runs, row
from das_hpo.output import Table, as_json, as_text, text_cell
from spaces.trial import to_score

if TYPE_CHECKING:
    from storage.records import Incumbent, RunSummary

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

    with reading(args) as database:
        members = groups(database).get(args.run)
        if members is not None:
            print_runs([queries.show(database, name) for name in members], args)
            return 0
        summary = queries.show(database, args.run)
        best = queries.incumbents(database, args.run)
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
                }
            )
        )
    elif args.format == "csv":
        print_table(rungs, args)
    else:
        sys.stdout.write("\n".join(_sections(summary, rungs, best)))
    return 0


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
    "score there, and the best configuration. csv has the rungs alone. Of a group, it prints one row for each run.",
    examples=("das-hpo show one-shot-blur-20261124-0500-ab12", "das-hpo show my-run -f json"),
    configure=configure,
    execute=execute,
)
