"""Count the exact calls of each function.

Runs that are there already keep 0: their calls are in the time line.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("functions", sa.Column("calls", sa.BigInteger(), server_default="0", nullable=False))
