"""Opinions say whether they are blind, by what was noted of who was sent what a model said of which case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table and the column; of former opinions, and of cases that were predicted before, nothing is known."""
    op.create_table(
        "shown",
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("reader", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "reader", name="pk_shown"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_shown_case_id", ondelete="CASCADE"),
    )
    # No reader's name is empty: `shown.EVERYBODY`. Anybody may have seen the flags in the worklist.
    op.execute("INSERT INTO shown (case_id, reader) SELECT DISTINCT case_id, '' FROM predictions")
    op.add_column("feedback", sa.Column("blind", sa.Boolean, nullable=True))


def downgrade() -> None:
    """Removes them."""
    op.drop_column("feedback", "blind")
    op.drop_table("shown")
