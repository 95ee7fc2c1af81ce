"""Records of what was served say which are of one patient, as drift counts each once, and which were out of scope."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; what is there already has no token, and does not say."""
    op.add_column("served", sa.Column("patient", sa.String(32), nullable=False, server_default=sa.text("''")))
    op.add_column("served", sa.Column("out_of_scope", sa.Boolean, nullable=True))


def downgrade() -> None:
    """Removes the columns."""
    op.drop_column("served", "out_of_scope")
    op.drop_column("served", "patient")
