"""``das-hpo report``: one self-contained HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path

from das_hpo.commands.command import Command, add_database, database, say
from das_hpo.commands.compare import add_margin
from das_hpo.commands.reading import reading
from spaces.errors import InvalidValueError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "runs", nargs="*", metavar="RUN|GROUP", help="runs, groups of runs, and campaigns to report (default: all)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page; a file that is there is replaced, a device or pipe written into",
    )
    add_margin(parser)
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Writes the page and says where it is."""
    path: Path = args.output.absolute()
    if path.is_dir() or not path.parent.is_dir():
        raise InvalidValueError(f"-o takes a file in a folder that exists, got {str(args.output)!r}")
    # matplotlib, scipy and scikit-learn take long to import.
    from das_hpo.analysis.report.page import write_report
    from storage.groups import runs_named

    with reading(args) as opened:
        runs = runs_named(opened, args.runs)
    count = write_report(database(args), runs, path, margin=args.margin)
    say(f"{count} {'run' if count == 1 else 'runs'} in {path}")
    return 0


COMMAND = Command(
    summary="one self-contained HTML page about runs and campaigns",
    description="Writes a page that opens offline: settings, best configurations, best so far over evaluations and "
    "time, budgets and rungs, one-shot against architecture PSNR in dB, distributions, tests, correlation between "
    "budgets, hyperparameter importance, learning curves, alpha, drawn architectures, workers and lost attempts.",
    examples=("das-hpo report my-run -o my-run.html", "das-hpo report --db sqlite:///lab.db"),
    configure=configure,
    execute=execute,
)
