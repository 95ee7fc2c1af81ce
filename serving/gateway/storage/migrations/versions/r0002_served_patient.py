"""Records of what was served say which of them are of one patient, so that drift counts each patient once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; what is there already has no token."""
    op.add_column("served", sa.Column("patient", sa.String(32), nullable=False, server_default=""))


def downgrade() -> None:
    """Removes the column."""
    op.drop_column("served", "patient")
