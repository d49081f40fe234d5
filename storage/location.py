"""Where a database is: reads and checks its URL before anything is opened or made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from spaces.errors import DatabaseMissingError, DatabaseUnusableError, InvalidValueError
from spaces.folders import user_folder

_VALID = "valid are sqlite:///FILE (sqlite:////FILE from the root) and postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Location:
    """A checked database URL.

    Attributes:
        url: For SQLAlchemy, with the driver that das-hpo uses.
        path: The absolute path of SQLite's file; None for PostgreSQL.
        name: For messages: the file, or the URL without its password.
    """

    url: URL
    path: Path | None
    name: str

    @property
    def spool(self) -> Path:
        """The directory for outcomes that could not be written: beside SQLite's file, else in the user's state folder.

        Raises:
            DatabaseUnusableError: If there is no such place, because this user has no home directory.
        """
        if self.path is not None:
            return self.path.with_name(self.path.name + ".spool")
        state = user_folder("XDG_STATE_HOME", ".local/state")
        if state is None:
            raise DatabaseUnusableError(
                f"there is no place to keep outcomes while {self.name} cannot be written, as this user has no home: "
                "set XDG_STATE_HOME, or HOME"
            )
        words = [self.url.host or "local", str(self.url.port or 5432), self.url.database or "default"]
        return state / "das-hpo" / (re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(words)) + ".spool")


def locate(url: str) -> Location:
    """Reads a database URL; a relative SQLite path is taken from the present working directory.

    Raises:
        InvalidValueError: If it is not the URL of a database that das-hpo can use; lists the valid forms.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidValueError(f"{url!r} is no database URL: {_VALID}") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise InvalidValueError(f"databases of {parsed.drivername!r} cannot be used: {_VALID}")
    parsed = parsed.set(drivername=driver)
    if driver != "sqlite":
        return Location(parsed, None, parsed.set(drivername="postgresql").render_as_string(hide_password=True))
    if parsed.database in (None, "", ":memory:"):
        raise InvalidValueError(f"{url!r} names no file, and a database in memory is lost with the process: {_VALID}")
    if parsed.host or parsed.query or str(parsed.database).startswith("file:"):
        raise InvalidValueError(f"{url!r} names more than a file: {_VALID}")
    path = Path(str(parsed.database)).resolve()  # a link would have its log beside the file it names
    return Location(parsed.set(database=str(path)), path, str(path))


def require_place(path: Path) -> None:
    """Refuses a path at which there can be no database file.

    Raises:
        DatabaseUnusableError: If its directory does not exist, or the path is a directory.
    """
    try:
        if not path.parent.is_dir():
            raise DatabaseUnusableError(
                f"there is no directory {path.parent} for the database: make it, or name another"
            )
        if path.exists() and not path.is_file():
            raise DatabaseUnusableError(f"{path} is not a file: name a file for the database")
    except OSError as error:
        raise DatabaseUnusableError(f"{path} cannot be a database: {error.strerror}") from None


def is_empty(path: Path) -> bool:
    """Whether the file has no bytes, which SQLite takes for an empty database.

    Raises:
        DatabaseMissingError: If there is no file.
        DatabaseUnusableError: If it cannot be read, or its first bytes are not those of a SQLite database.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise DatabaseMissingError(f"there is no database at {path}: name one with --db or DAS_HPO_DB") from None
    except OSError as error:
        raise DatabaseUnusableError(f"{path} cannot be read ({error.strerror}): check its rights") from None
    if start and start != _MAGIC:
        raise DatabaseUnusableError(f"{path} is no SQLite database: name another file with --db or DAS_HPO_DB")
    return not start
