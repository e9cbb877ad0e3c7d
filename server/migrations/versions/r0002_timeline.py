"""Add the time line: its blob, what a run was derived by, and the program's marks.

Runs that are there already get both from their bundle when their time line is first
asked for (``store.py``), since a migration has no blobs at hand.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("runs", sa.Column("timeline_key", sa.String(length=64), nullable=True))
    op.add_column("runs", sa.Column("derived", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(op.f("ix_runs_timeline_key"), "runs", ["timeline_key"], unique=False)
    op.create_table(
        "marks",
        sa.Column("run", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("thread", sa.BigInteger(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("duration_ns", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.pk"], name=op.f("fk_marks_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "id", name=op.f("pk_marks")),
    )
