"""Alembic's migrations, one file a schema revision.

A new revision: add ``versions/NNNN_what.py`` with ``revision`` and ``down_revision``, append NNNN to
``storage.models.REVISIONS``, change the models with it, and keep a database of the revision before it in
tests/storage/golden/ (its docstring says how). A test compares what the migrations make with the models.
"""
