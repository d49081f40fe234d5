"""Opening the database for commands that only read it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from das_hpo.commands.command import database

if TYPE_CHECKING:
    from storage.engine import Database


@contextmanager
def reading(args: argparse.Namespace) -> Iterator[Database]:
    """The database that ``--db`` names; it is never made by reading.

    Raises:
        StorageError: If there is none, or it cannot be read.
    """
    # SQLAlchemy takes long to import, so that only the commands that need it pay for it.
    from storage.engine import open_database

    opened = open_database(database(args))
    try:
        yield opened
    finally:
        opened.close()
