"""Which trials agree: in problem, method, budget and the choices that ``--set`` makes; and what differs, as options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spaces.inverse_1d.choices import Choices
from spaces.task_registry import DEFAULT_TASK

if TYPE_CHECKING:
    import pandas

    from storage.records import RunRecord

#: What makes two samples comparable.
PROBLEM = ("space", "operations", "data")

#: What the columns of choices are called: this, and the choice's name.
CHOICE = "set "


def choices_of(record: RunRecord) -> dict[str, Any]:
    """The choices of a stored run as columns of its rows: those that it does not say are at their defaults."""
    defaults = Choices().to_dict() if record.task == DEFAULT_TASK else {}
    stored = {name: value for name, value in record.task_settings.items() if name not in (*PROBLEM, "method")}
    return {f"{CHOICE}{name}": value for name, value in {**defaults, **stored}.items()}


def with_choices(frame: pandas.DataFrame, record: RunRecord) -> pandas.DataFrame:
    """The rows of a stored run with its choices."""
    return frame.assign(**choices_of(record))


def criteria_in(rows: pandas.DataFrame) -> list[str]:
    """The columns in which the trials of one sample have to agree."""
    known = [name for name in ("task", *PROBLEM, "method", "budget") if name in rows.columns]
    return [*known, *(name for name in rows.columns if name.startswith(CHOICE))]


def agreeing(rows: pandas.DataFrame, criteria: Mapping[str, Any]) -> pandas.DataFrame:
    """The rows with these values; a column that the rows do not have says nothing."""
    for column, value in criteria.items():
        if column in rows.columns:
            rows = rows[rows[column] == value]
    return rows


def differing(samples: Mapping[str, pandas.DataFrame]) -> str:
    """What the trials of samples do not agree in, each as the options that name it; empty if they agree."""
    said = []
    for column in dict.fromkeys(name for rows in samples.values() for name in criteria_in(rows)):
        holders: dict[str, list[str]] = {}
        for name, rows in samples.items():
            for value in rows[column].drop_duplicates().tolist() if column in rows.columns else ():
                holders.setdefault(option(column, value), []).append(name)
        if len(holders) > 1:
            said.append(" or ".join(f"{which} ({', '.join(names)})" for which, names in holders.items()))
    return "; ".join(said)


def differing_choices(samples: Mapping[str, pandas.DataFrame]) -> str:
    """The choices alone in which the trials of samples do not agree; empty if they agree."""
    return differing({name: rows.filter(regex=f"^{CHOICE}") for name, rows in samples.items()})


def option(column: str, value: Any) -> str:
    """The option that asks for the value."""
    if column == "budget":
        return f"--epochs {value:g}"
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return f"--set {column.removeprefix(CHOICE)}={said}" if column.startswith(CHOICE) else f"--{column} {said}"


def options(criteria: Mapping[str, Any]) -> str:
    """The options that ask for all the values, without choices that are at their defaults."""
    defaults = {f"{CHOICE}{name}": value for name, value in Choices().to_dict().items()}
    return " ".join(option(name, value) for name, value in criteria.items() if defaults.get(name) != value)
