"""``--curves``: any-time curves of the runs and groups that are compared, as data and as a figure."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from das_hpo.commands.command import say
from das_hpo.files import write_file
from das_hpo.output import Table, render
from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    from das_hpo.analysis.comparison.subjects import Subject

#: Files that a curve can be written to.
SUFFIXES = (".csv", ".png", ".svg")


def add_curves(parser: argparse.ArgumentParser) -> None:
    """Adds the options; :func:`check_curves` and :func:`write_curves` read them."""
    parser.add_argument(
        "--curves",
        type=Path,
        metavar="FILE",
        help="write how good the incumbents of runs and groups are by what the runs have cost, from trials on fresh "
        "seeds (das-hpo evaluate --trajectory): a .csv of the data, or a .png or .svg beside which the .csv is put; "
        "bands are intervals of the median over runs, from six runs on (default: none)",
    )
    parser.add_argument(
        "--over", choices=("epochs", "seconds"), default="epochs", help="the cost of --curves: epochs, or workers' time"
    )


def check_curves(args: argparse.Namespace) -> None:
    """Raises InvalidValueError, which says what is valid, for a file that cannot be a curve."""
    path: Path | None = args.curves
    if path is not None and (path.suffix not in SUFFIXES or not path.absolute().parent.is_dir()):
        raise InvalidValueError(
            f"--curves takes a file in a folder that exists, with a name that ends in {', '.join(SUFFIXES)}, "
            f"got {str(path)!r}"
        )


def write_curves(args: argparse.Namespace, subjects: Sequence[Subject]) -> None:
    """Writes the files, and says where they are."""
    from das_hpo.analysis.comparison.curves import COLUMNS, curves, rows_of

    path: Path | None = args.curves
    if path is None:
        return
    found = curves(subjects, args.over, level=args.level)
    data = path.with_suffix(".csv")
    text = render(Table.of(rows_of(found), COLUMNS), "csv")
    write_file(data, partial(Path.write_text, data=text, newline=""))
    if path != data:
        from das_hpo.analysis.comparison.anytime import anytime
        from das_hpo.analysis.figures.style import save

        save(anytime(found, args.over, subjects[0].metric), path.with_suffix(""), (path.suffix[1:],))
    say(f"curves of {len(found)} {'side' if len(found) == 1 else 'sides'} in {path}")
