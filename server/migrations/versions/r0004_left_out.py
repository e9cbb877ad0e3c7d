"""Say why a file has no text.

Of files of runs that are there already that isn't known.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("files", sa.Column("left_out", sa.Text(), nullable=True))
