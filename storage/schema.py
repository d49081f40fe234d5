"""Which schema a database has; making and upgrading the schema. Alembic is imported only for the latter."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from spaces.errors import DatabaseUnusableError, SchemaError
from storage.models import REVISIONS

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
}

#: The number of PostgreSQL's lock under which one process makes the schema; the same in every das-hpo.
_MAKING = 0x6461732D68706F


def revision(connection: Connection, where: str) -> str | None:
    """The schema's revision; None if the database is empty.

    Raises:
        DatabaseUnusableError: If another program's tables are in it.
    """
    tables = set(connection.scalars(text(_TABLES[connection.dialect.name])))
    if not tables:
        return None
    if not {"alembic_version", "runs", "evaluations"} <= tables:
        some = ", ".join(sorted(tables)[:3])
        raise DatabaseUnusableError(f"{where} is another program's database (it has {some}): name another one")
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None:
        raise DatabaseUnusableError(f"{where} does not say which schema it has: restore a backup of it")
    return found


def require_current(found: str, where: str) -> None:
    """Refuses every schema but this das-hpo's.

    Raises:
        SchemaError: Names both revisions, and says which side to upgrade.
    """
    if found == REVISIONS[-1]:
        return
    if found in REVISIONS:
        raise SchemaError(
            f"{where} has schema {found}, this das-hpo needs {REVISIONS[-1]}: upgrade it with `das-hpo db upgrade`"
        )
    raise SchemaError(
        f"{where} has schema {found}, this das-hpo knows {REVISIONS[-1]}: install the newer das-hpo that made it"
    )


def migrate(connection: Connection, target: str = "head") -> None:
    """Makes or upgrades the schema within the connection's transaction; the caller commits."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def make_if_empty(connection: Connection, where: str) -> str:
    """Makes the schema in an empty database, once, also if several processes do so; returns the revision."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING})
    found = revision(connection, where)
    if found is None:
        migrate(connection)
        found = REVISIONS[-1]
    return found
