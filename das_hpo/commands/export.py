"""``das-hpo export``: the results as a file for other tools."""

from __future__ import annotations

import argparse
import typing
from pathlib import Path

from das_hpo.analysis.exports import EXPORTS
from das_hpo.analysis.exports.source import read_run
from das_hpo.analysis.exports.writing import check_target, export_run
from das_hpo.commands.command import Command, add_database, say
from das_hpo.commands.reading import reading
from das_hpo.files import write_file
from das_hpo.output import Table, csv_cell, render
from spaces.errors import InvalidValueError, UnknownNameError
from storage.records import RESULT_COLUMNS, ResultRecord

FORMATS = ("csv", "parquet", "json")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("run", metavar="RUN", nargs="?", help="name of a run (default: all runs)")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        type=Path,
        required=True,
        help="the file (of some --to the folder) to write",
    )
    formats = "; ".join(f"{name}: {made.summary}" for name, made in EXPORTS.items())
    parser.add_argument(
        "--to",
        choices=EXPORTS,
        metavar="TOOL",
        help=f"write one run as another tool keeps it ({formats}; default: a table of the results)",
    )
    parser.add_argument("--force", action="store_true", help="of --to: replace the file or older export there")
    parser.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        help="the file's format (default: by its name's ending: .csv, .parquet, .json)",
    )
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Writes into a file or folder beside the target, then renames it."""
    if args.to is not None:
        return _to_tool(args)
    if args.force:
        raise InvalidValueError("--force goes with --to; a table is replaced anyway")
    file_format = args.format or args.output.suffix.removeprefix(".").lower()
    if file_format not in FORMATS:
        raise UnknownNameError("format", file_format, FORMATS)
    if args.output.is_dir() or not args.output.parent.is_dir():
        raise InvalidValueError(f"-o takes a file in a folder that exists, got {str(args.output)!r}")
    from storage import queries

    with reading(args) as database:
        records = [record.to_dict() for record in queries.results(database, args.run)]
    table = Table.of(records, RESULT_COLUMNS)
    if file_format == "parquet":
        write_file(args.output, lambda path: write_parquet(table, path))
    else:
        text = render(table, file_format)
        write_file(args.output, lambda path: path.write_bytes(text.encode()))
    say(f"wrote {len(table.rows)} evaluations to {args.output}")
    return 0


def _to_tool(args: argparse.Namespace) -> int:
    """Writes one run as another tool keeps it."""
    if args.run is None or args.format is not None:
        raise InvalidValueError("--to takes one run and no -f: das-hpo export --to TOOL RUN -o PATH")
    made = EXPORTS[args.to]
    check_target(args.output, force=args.force)
    with reading(args) as database:
        run = read_run(database, args.run)
    left_out = export_run(run, made, args.output, force=args.force)
    if left_out:
        say(f"left out: {left_out}")
    say(f"wrote {args.run} to {args.output}; it opens with: {made.opens(args.output)}")
    return 0


def write_parquet(table: Table, path: Path) -> None:
    """Writes typed columns, those of a view without rows included; what is JSON in the database is text."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    fields = []
    for name, kind in typing.get_type_hints(ResultRecord).items():
        is_json = typing.get_origin(kind) is dict
        plain = str if is_json else next(part for part in (typing.get_args(kind) or (kind,)) if part is not type(None))
        fields.append(pa.field(name, kinds.get(plain, pa.timestamp("us", tz="UTC"))))
    columns = list(zip(*table.rows, strict=True)) or [()] * len(fields)
    arrays = [
        pa.array([json_text(value) for value in column], type=field.type)
        for column, field in zip(columns, fields, strict=True)
    ]
    parquet.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)


def json_text(value: object) -> object:
    """A mapping as JSON; anything else as it is."""
    return csv_cell(value) if isinstance(value, dict) else value


COMMAND = Command(
    summary="the results as a csv, parquet or json file, or as Optuna, hpbandster, DeepCAVE or MLflow keep them",
    description="Writes every column of the view 'results', one row per evaluation, to a file; with --to one run or "
    "campaign as another tool keeps it. The file or folder is written beside its target and then renamed, so nobody "
    "ever reads half of it; a device or a pipe is written into.",
    examples=(
        "das-hpo export -o results.csv",
        "das-hpo export my-run -o my-run.parquet",
        "das-hpo export --to optuna my-run -o my-run.db",
        "das-hpo export --to deepcave my-run -o exports/my-run",
    ),
    configure=configure,
    execute=execute,
)
