"""The statements that are built once: each names its parameters alike, and both databases take it."""

from __future__ import annotations

import pytest
from sqlalchemy import Insert, Select, Update
from sqlalchemy.dialects import postgresql, sqlite

from storage import statements
from storage.models import Base

NAMED = {
    name: value
    for name, value in vars(statements).items()
    if isinstance(value, Insert | Select | Update) and not name.startswith("_")
}


@pytest.mark.parametrize("name", [name for name in NAMED if name != "INSERT_EPOCHS"])
def test_parameters_say_which_row_or_to_what(name: str) -> None:
    """``of_...`` selects rows; ``to_...``, or the name of a column, sets one; nothing else is asked for."""
    parameters = [key for key, value in NAMED[name].compile().params.items() if value is None]
    columns = {column.name for table in Base.metadata.tables.values() for column in table.columns}
    assert any(key.startswith("of_") for key in parameters)
    assert all(key.startswith(("of_", "to_")) or key in columns for key in parameters), parameters


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("name", NAMED)
def test_both_databases_have_words_for_it(name: str, dialect: object) -> None:
    """And PostgreSQL locks the row that an outcome is judged by, where SQLite has the database for itself."""
    text = str(NAMED[name].compile(dialect=dialect))  # type: ignore[arg-type]
    assert text
    if name == "FIND_ATTEMPT":
        assert ("FOR UPDATE OF evaluations" in text) is isinstance(dialect, postgresql.dialect)


def test_every_table_with_an_id_gives_it_back() -> None:
    """Epochs have none."""
    tables = {table.name for table in statements.INSERT_RETURNING_ID}
    assert tables == {"runs", "configurations", "evaluations", "attempts", "workers"}
