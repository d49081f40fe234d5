"""``das-hpo export``: the results as a file for other tools."""

from __future__ import annotations

import argparse
import typing
from pathlib import Path

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
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        help="the file's format (default: by its name's ending: .csv, .parquet, .json)",
    )
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Writes the rows of the view ``results`` into a file beside the target, then renames it."""
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
    summary="the results as a csv, parquet or json file",
    description="Writes every column of the view 'results', one row per evaluation, to a file. The file is written "
    "beside its target and then renamed, so nobody ever reads half of it; a device or a pipe is written into.",
    examples=("das-hpo export -o results.csv", "das-hpo export my-run -o my-run.parquet"),
    configure=configure,
    execute=execute,
)
