"""``das-hpo presets``: the paper's eight hyperparameter presets."""

from __future__ import annotations

import argparse
import sys

from das_hpo.commands.command import Command, add_format, print_table
from das_hpo.output import Table
from spaces.hyperparameters import HYPERPARAMETERS, PRESETS


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints the presets: turned by a quarter in the table, so that eight columns of numbers fit a terminal."""
    if args.format == "table":
        columns = ("hyperparameter", *PRESETS)
        rows = [(name, *(getattr(values, name) for values in PRESETS.values())) for name in HYPERPARAMETERS]
        halves = [(0, 1, 2, 3, 4), (0, 5, 6, 7, 8)]
        for number, places in enumerate(halves):
            if number:
                sys.stdout.write("\n")
            print_table(
                Table(tuple(columns[p] for p in places), tuple(tuple(r[p] for p in places) for r in rows)), args
            )
        return 0
    records = [{"preset": name, **values.to_dict()} for name, values in PRESETS.items()]
    print_table(Table.of(records, ("preset", *HYPERPARAMETERS)), args)
    return 0


COMMAND = Command(
    summary="the paper's eight hyperparameter presets",
    description="Prints the eight hyperparameters of each of the paper's presets (Tables 6 to 8).",
    examples=("das-hpo presets", "das-hpo presets -f json"),
    configure=configure,
    execute=execute,
)
