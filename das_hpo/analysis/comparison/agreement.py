"""Which trials agree in problem, method, budget and the task's settings; what differs is named by its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spaces.inverse_1d.choices import Choices
from spaces.task_registry import DEFAULT_TASK

if TYPE_CHECKING:
    import pandas

    from storage.records import RunRecord

#: Two samples are of the same problem if they agree in these columns.
PROBLEM = ("space", "operations", "data")

#: The column of a further setting of the task is this, and the setting's name.
SETTING = "set "

#: The column that says whether a trial is of a campaign of ``das-hpo evaluate --until-decided``.
SEQUENTIAL = "until decided"


def settings_of(record: RunRecord) -> dict[str, Any]:
    """The further settings of a stored run's task as columns of its rows; one that was not stored has its default."""
    defaults = Choices().to_dict() if record.task == DEFAULT_TASK else {}
    stored = {name: value for name, value in record.task_settings.items() if name not in (*PROBLEM, "method")}
    return {f"{SETTING}{name}": value for name, value in {**defaults, **stored}.items()}


def with_settings(frame: pandas.DataFrame, record: RunRecord) -> pandas.DataFrame:
    """The rows of a stored run with the further settings of its task, and whether they were added until decided."""
    return frame.assign(**settings_of(record), **{SEQUENTIAL: record.settings.get("looked_from") is not None})


def sequential(rows: pandas.DataFrame) -> bool:
    """Whether any of the rows is of a campaign whose trials were added until something was decided."""
    return SEQUENTIAL in rows.columns and bool(rows[SEQUENTIAL].any())


def criteria_in(rows: pandas.DataFrame) -> list[str]:
    """The columns in which the trials of one sample have to agree."""
    known = [name for name in ("task", *PROBLEM, "method", "budget") if name in rows.columns]
    return [*known, *(name for name in rows.columns if name.startswith(SETTING))]


def agreeing(rows: pandas.DataFrame, criteria: Mapping[str, Any]) -> pandas.DataFrame:
    """The rows with these values. A column that the rows do not have is ignored."""
    for column, value in criteria.items():
        if column in rows.columns:
            rows = rows[rows[column] == value]
    return rows


def differing(samples: Mapping[str, pandas.DataFrame]) -> str:
    """What the samples differ in: each value as its option, with the samples that have it; empty if they agree."""
    said = []
    for column in dict.fromkeys(name for rows in samples.values() for name in criteria_in(rows)):
        holders: dict[str, list[str]] = {}
        for name, rows in samples.items():
            for value in rows[column].drop_duplicates().tolist() if column in rows.columns else ():
                holders.setdefault(option(column, value), []).append(name)
        if len(holders) > 1:
            said.append(" or ".join(f"{which} ({', '.join(names)})" for which, names in holders.items()))
    return "; ".join(said)


def differing_settings(samples: Mapping[str, pandas.DataFrame]) -> str:
    """As :func:`differing`, for the further settings of the task alone."""
    return differing({name: rows.filter(regex=f"^{SETTING}") for name, rows in samples.items()})


def option(column: str, value: Any) -> str:
    """A value as the option of the command line that asks for it."""
    if column == "budget":
        return f"--epochs {value:g}"
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return f"--set {column.removeprefix(SETTING)}={said}" if column.startswith(SETTING) else f"--{column} {said}"


def options(criteria: Mapping[str, Any]) -> str:
    """The options that ask for these values, without further settings that have their defaults."""
    defaults = {f"{SETTING}{name}": value for name, value in Choices().to_dict().items()}
    return " ".join(option(name, value) for name, value in criteria.items() if defaults.get(name) != value)
