"""Alembic's migrations, one file a schema revision.

A new revision: add ``versions/NNNN_what.py`` with ``revision`` and ``down_revision``, append NNNN to
``storage.models.REVISIONS``, change the models with it, and keep a database of the revision before it in
tests/storage/golden/ (the README there says how). A test compares what the migrations make with the models.
Schemas only go forward: ``downgrade`` refuses.
"""

from __future__ import annotations

from spaces.errors import SchemaError


def refuse_downgrade(revision: str) -> None:
    """Refuses to go back to the schema before ``revision``, which could not hold what is stored.

    Raises:
        SchemaError: Always.
    """
    raise SchemaError(
        f"a database of schema {revision} cannot be taken back to an older schema: "
        "restore a backup that was made with the older das-hpo"
    )
