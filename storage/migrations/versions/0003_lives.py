"""A run's life: what its user asked of it (cancel, pause), a note, and tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations import refuse_downgrade

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns to runs; nothing else changes."""
    op.add_column(
        "runs",
        sa.Column(
            "request",
            sa.String(length=16),
            sa.CheckConstraint("request IN ('cancel', 'pause')", name="request_known"),
            nullable=True,
        ),
    )
    op.add_column("runs", sa.Column("note", sa.String(), nullable=True))
    op.add_column("runs", sa.Column("tags", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))


def downgrade() -> None:
    """Refuses: requests, notes and tags have no place in the older schema."""
    refuse_downgrade(revision)
