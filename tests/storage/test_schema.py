"""Migrations: they make what the models say, upgrade every golden database, and refuse what they do not know."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import JSON

from spaces.errors import DatabaseMissingError, DatabaseUnusableError, SchemaError
from spaces.hyperparameters import PRESETS
from storage import maintenance, queries, schema
from storage.engine import connect, open_database, writing
from storage.location import locate
from storage.models import PARTIAL_INDEXES, REVISIONS, Base
from storage.view import CREATE_RESULTS

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.sql"))


def restore(dump: Path, path: Path) -> str:
    """A database from its dump; returns its URL."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text())
    return f"sqlite:///{path}"


def test_every_revision_has_its_golden_database() -> None:
    """And every revision has its migration, in a chain."""
    assert tuple(path.stem for path in GOLDEN) == REVISIONS
    versions = sorted(Path(schema.__file__).with_name("migrations").joinpath("versions").glob("[0-9]*.py"))
    assert tuple(path.name[:4] for path in versions) == REVISIONS
    for path, before in zip(versions, (None, *REVISIONS), strict=False):
        text = path.read_text()
        assert re.search(rf"^revision\b.*= \"{path.name[:4]}\"$", text, re.MULTILINE)
        assert re.search(rf"^down_revision\b.*= {before and chr(34) + before + chr(34)}$", text, re.MULTILINE)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_migrations_make_what_the_models_say(kind: str, request: pytest.FixtureRequest) -> None:
    """Alembic's own comparison finds no difference in tables, columns, types, keys and indexes."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def compared(item: object, name: str | None, *_: object) -> bool:
        return name not in PARTIAL_INDEXES  # the next test compares them

    def defaults_differ(*arguments: Any) -> bool | None:
        column, of_database, of_model = arguments[2], arguments[3], arguments[5]
        if not isinstance(column.type, JSON):
            return None  # alembic's own comparison
        # PostgreSQL has no equality of JSON.
        return bool(of_database) != bool(of_model) or (of_model or "").strip("'") not in (of_database or "")

    options = {"compare_type": True, "compare_server_default": defaults_differ, "include_object": compared}
    url = request.getfixturevalue(f"{kind}_url")
    open_database(url, create=True).close()
    engine = connect(locate(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_migrations_make_the_checks_and_the_view_of_the_models(sqlite_url: str, tmp_path: Path) -> None:
    """What alembic does not compare: check constraints, WITHOUT ROWID and the view, by SQLite's own text of them."""

    def normal(text: str) -> set[str]:
        # Columns that were added later stand behind the constraints, on a line of their own or not.
        words = re.sub(r"\s+", " ", text.strip().removesuffix(")")).replace("'{}' NOT NULL", "'{}' NOT NULL")
        return {part.strip(' )"') for part in re.split(r", (?=[\w\"]+ )|[(] ", words)}

    open_database(sqlite_url, create=True).close()
    other = connect(locate(f"sqlite:///{tmp_path}/models.db"))
    (tmp_path / "models.db").touch()
    with writing(other) as connection:
        Base.metadata.create_all(connection)
        connection.exec_driver_sql(CREATE_RESULTS)
    other.dispose()
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"
    made = [
        {name: normal(sql) for name, sql in connection.execute(query)}
        for path in ("test.db", "models.db")
        for connection in [sqlite3.connect(tmp_path / path)]
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize("dump", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_database_is_upgraded(dump: Path, tmp_path: Path) -> None:
    """Every revision's database comes to the present one with all its rows, and passes the check."""
    url = restore(dump, tmp_path / "golden.db")
    before = maintenance.upgrade(url)
    assert (before.before, before.after) == (dump.stem, REVISIONS[-1])
    assert maintenance.upgrade(url).before == REVISIONS[-1]
    assert maintenance.check(url) == []
    with open_database(url) as database:
        golden, baseline, *others = queries.runs(database)
        assert (golden.run.name, golden.run.state, baseline.run.state) == ("golden", "interrupted", "completed")
        assert golden.counts == {"queued": 0, "running": 1, "completed": 3, "diverged": 1, "failed": 1}
        rows = queries.results(database, "golden")
        assert [(row.number, row.budget, row.status, row.one_shot_psnr, row.attempts) for row in rows] == [
            (0, 5.0, "completed", 20.5, 1),
            (1, 5.0, "completed", 21.25, 1),
            (1, 15.0, "completed", 22.125, 1),
            (2, 5.0, "diverged", None, 1),
            (3, 5.0, "failed", None, 3),
            (4, 5.0, "running", None, 1),
        ]
        assert [attempt.token for attempt in queries.replay(database, golden.run.id).attempts] == ["open"]
        assert len(queries.epochs(database, "golden")) == 6
        assert [(row.run.task, str(row.run.metric)) for row in (golden, baseline)] == 2 * [("inverse-1d", "PSNR (dB)")]
        assert golden.run.task_settings["data"] == rows[0].data == "blur"
        assert baseline.run.task_settings["method"] == "das"  # its label is the baseline's own name
        for row in rows:
            preset = list(PRESETS.values())[row.number].to_dict()
            assert row.hyperparameters == preset == {name: getattr(row, name) for name in preset}
            assert (row.one_shot_score, row.extras) == (row.one_shot_psnr, {})
        for other in others:
            (row,) = queries.results(database, other.run.name)
            assert (row.one_shot_score, row.one_shot_psnr, row.parameter_learning_rate) == (0.875, None, None)
            assert (row.hyperparameters["schedule"], row.extras, row.settings) == (
                "cosine",
                {"entropy": 0.25},
                {"channels": 8},
            )
    with closing(sqlite3.connect(tmp_path / "golden.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_golden_database_has_the_schema_of_today(tmp_path: Path, sqlite_url: str) -> None:
    """The newest golden file and a new database have the same tables: a changed schema needs a new revision."""
    restore(GOLDEN[-1], tmp_path / "golden.db")
    open_database(sqlite_url, create=True).close()
    query = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
    golden, new = (sqlite3.connect(tmp_path / name).execute(query).fetchall() for name in ("golden.db", "test.db"))
    assert golden == new


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_newer_schema_is_refused(kind: str, request: pytest.FixtureRequest) -> None:
    """With both revisions and what to do; by everything that opens a database, and nothing is changed."""
    url = request.getfixturevalue(f"{kind}_url")
    open_database(url, create=True).close()
    newer = "UPDATE alembic_version SET version_num = '9999'"
    if kind == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute(newer)
    else:
        with psycopg.connect(url) as server:
            server.execute(newer.encode())
    for use in (open_database, maintenance.upgrade, maintenance.check):
        with pytest.raises(SchemaError, match=rf"has schema 9999, this das-hpo knows {REVISIONS[-1]}: install"):
            use(url)
    with pytest.raises(SchemaError, match="has schema 9999"):
        open_database(url, create=True)


def test_an_older_schema_names_the_upgrade(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not upgraded behind the user's back, as other machines may still run the older das-hpo."""
    open_database(sqlite_url, create=True).close()
    monkeypatch.setattr(schema, "REVISIONS", (*REVISIONS, "9999"))
    with pytest.raises(SchemaError, match="needs 9999: upgrade it with `das-hpo db upgrade`"):
        open_database(sqlite_url)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE addresses (name TEXT)",
        "CREATE TABLE runs (name TEXT)",
        "CREATE TABLE alembic_version (version_num TEXT)",
    ],
)
def test_another_programs_database_is_left_alone(sqlite_url: str, tmp_path: Path, statement: str) -> None:
    """Also where a table has a name of ours, or alembic's: nothing is written."""
    path = tmp_path / "test.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    before = path.read_bytes()
    for create in (False, True):
        with pytest.raises(DatabaseUnusableError, match="is another program's database"):
            open_database(sqlite_url, create=create)
    with pytest.raises(DatabaseUnusableError, match="is another program's database"):
        maintenance.upgrade(sqlite_url)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["test.db"]


def test_another_programs_postgresql_is_left_alone(postgresql_url: str) -> None:
    """The same for a server's database."""
    with psycopg.connect(postgresql_url) as connection:
        connection.execute(b"CREATE TABLE addresses (name TEXT)")
    with pytest.raises(DatabaseUnusableError, match="is another program's database"):
        open_database(postgresql_url, create=True)
    with psycopg.connect(postgresql_url) as connection:
        found = connection.execute(b"SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        assert found.fetchall() == [("addresses",)]


def test_an_empty_postgresql_database_holds_no_tables(postgresql_url: str) -> None:
    """It is missing for readers and for upgrades, and made for runs."""
    with pytest.raises(DatabaseMissingError, match="holds no das-hpo tables"):
        open_database(postgresql_url)
    with pytest.raises(DatabaseMissingError, match="holds no das-hpo tables"):
        maintenance.upgrade(postgresql_url)
    with open_database(postgresql_url, create=True) as database:
        assert queries.runs(database) == []


def test_alembic_is_not_imported_for_a_current_database(sqlite_url: str) -> None:
    """Nor are pandas, torch, or anything that the control plane has no time for."""
    open_database(sqlite_url, create=True).close()
    program = (
        "import sys; from storage import queries; from storage.engine import open_database\n"
        f"print(queries.runs(open_database({sqlite_url!r}, create=True)))\n"
        "print([name for name in ('alembic', 'pandas', 'numpy', 'torch', 'ConfigSpace', 'hpbandster', 'psycopg')"
        " if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["[]", "[]"]


@pytest.mark.parametrize("revision", REVISIONS)
def test_no_schema_goes_back(revision: str, sqlite_url: str) -> None:
    """A downgrade is refused with what to do, and the database stays as it was."""
    from alembic import command
    from alembic.config import Config

    with open_database(sqlite_url, create=True):
        pass
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    engine = connect(locate(sqlite_url))

    def downgrade() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (revision,))
            config.attributes["connection"] = connection
            command.downgrade(config, "base" if revision == REVISIONS[0] else "-1")

    with pytest.raises(SchemaError, match=r"cannot be taken back .* restore a backup"):
        downgrade()
    engine.dispose()
    with open_database(sqlite_url) as database:
        assert queries.runs(database) == []
