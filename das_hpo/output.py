"""What commands print: rows of named values as a table to read, as JSON or as CSV (RFC 4180).

| value | table | json | csv |
|---|---|---|---|
| None | ``-`` | ``null`` | empty |
| bool | ``yes``/``no`` | ``true``/``false`` | ``true``/``false`` |
| float | 4 digits; a PSNR 2 decimals | all digits | all digits |
| datetime | ``2026-11-24 06:00 CET`` (local time) | ISO 8601 in UTC | ISO 8601 in UTC |
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

FORMATS = ("table", "json", "csv")


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Attributes:
        columns: The names, in order.
        rows: One sequence of values per row, in the columns' order.
        short: The columns that the format ``table`` shows, where all would not fit a terminal.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    short: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, records: Iterable[Mapping[str, Any]], columns: Sequence[str], short: Sequence[str] | None = None
    ) -> Table:
        """Takes the named values out of mappings; a value that is missing is None."""
        rows = tuple(tuple(record.get(column) for column in columns) for record in records)
        return cls(tuple(columns), rows, None if short is None else tuple(short))

    def select(self, columns: Sequence[str]) -> Table:
        """The same rows with those columns alone."""
        places = [self.columns.index(column) for column in columns]
        return Table(tuple(columns), tuple(tuple(row[place] for place in places) for row in self.rows))


def render(table: Table, output_format: str) -> str:
    """The table as text that ends with a newline, in one of :data:`FORMATS`."""
    if output_format == "json":
        return as_json([dict(zip(table.columns, row, strict=True)) for row in table.rows])
    if output_format == "csv":
        return as_csv(table)
    return as_text(table)


def write(table: Table, output_format: str, stream: TextIO) -> None:
    """Prints the table to the stream, in one of :data:`FORMATS`."""
    stream.write(render(table, output_format))


def as_json(value: object) -> str:
    """Any nesting of builtins, datetimes and tuples as strict JSON (no NaN, no Infinity)."""
    return json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def as_csv(table: Table) -> str:
    """The table as RFC 4180 text: CRLF, quotes where needed, a header line."""
    lines: list[str] = []

    class Lines:
        def write(self, line: str) -> int:
            lines.append(line)
            return len(line)

    writer = csv.writer(Lines())
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([csv_cell(value) for value in row])
    return "".join(lines)


def as_text(table: Table) -> str:
    """The table for people: columns aligned, numbers of 4 digits, no line longer than its values need."""
    from tabulate import tabulate

    shown = table if table.short is None else table.select([c for c in table.short if c in table.columns])
    numeric = [
        any(value is not None for value in column)
        and all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in column)
        for column in zip(*shown.rows, strict=True)
    ]
    cells = [[text_cell(value, column) for column, value in zip(shown.columns, row, strict=True)] for row in shown.rows]
    if not cells:
        return "  ".join(shown.columns) + "\n(none)\n"
    return (
        tabulate(
            cells,
            headers=shown.columns,
            tablefmt="simple",
            disable_numparse=True,
            colalign=["right" if is_number else "left" for is_number in numeric],
        )
        + "\n"
    )


def plain(value: object) -> Any:
    """Builtins that JSON knows; a float that is not finite is None."""
    if isinstance(value, datetime):
        return _utc(value).isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def csv_cell(value: object) -> str:
    """One value in a CSV file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return _utc(value).isoformat()
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(plain(value), ensure_ascii=False)
    return str(value)


def text_cell(value: object, column: str = "") -> str:
    """One value in a table for people, on one line, without control characters; a PSNR has two decimals."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _utc(value).astimezone().strftime("%Y-%m-%d %H:%M %Z")
    if isinstance(value, float):
        return f"{value:.2f}" if column.endswith("psnr") and math.isfinite(value) else number(value)
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(plain(value), ensure_ascii=False)
    # A text from the database must not move the cursor or colour the user's terminal.
    return "".join(character if character.isprintable() else "�" for character in str(value))


def number(value: float) -> str:
    """A float in four digits: ``21.56``, ``0.001423``, ``5.04e-08``, ``1205``."""
    if not math.isfinite(value):
        return str(value)
    if value == round(value) and abs(value) < 1e6:
        return str(round(value))
    if abs(value) >= 1000 and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.4g}"


def decibels(value: float) -> str:
    """Two decimals, or a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def signed(value: float) -> str:
    """Two decimals with the sign, or a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:+.2f}"


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken as UTC (that is what the database keeps)."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
