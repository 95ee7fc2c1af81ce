"""The first tables, and the triggers that keep the audit log append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    # INSERT OR REPLACE removes a row without firing the trigger above.
    """CREATE TRIGGER audit_in_order BEFORE INSERT ON audit
        WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
)
_POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$""",
    """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()""",
    """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "properties",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_properties"),
    )
    op.create_table(
        "groups",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_groups"),
    )
    _create_cases()
    _create_images()
    _create_predictions()
    _create_feedback()
    _create_served()
    _create_audit()


def downgrade() -> None:
    """Removes every table, and all that is in them."""
    for table in ("audit", "served", "feedback", "predictions", "images", "cases", "groups", "properties"):
        op.drop_table(table)
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only()")


def _case_id(table: str, *, nullable: bool = False) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    """Returns the column that names a row's case, and its constraint: rows go with their case, or lose its name."""
    rule = "SET NULL" if nullable else "CASCADE"
    return (
        sa.Column("case_id", sa.String(32), nullable=nullable),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=f"fk_{table}_case_id", ondelete=rule),
    )


def _create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("modality", sa.Text, nullable=False),
        sa.Column("image_count", sa.Integer, nullable=False),
        sa.Column("flagged", sa.JSON, nullable=False),
        sa.Column("urgency", sa.Double),
        sa.Column("withheld", sa.JSON, nullable=False),
        sa.Column("read", sa.Boolean, nullable=False),
        sa.Column("sample", sa.Boolean, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("sort_urgency", sa.Double, nullable=False),
        sa.Column("thumbnail", sa.String(32)),
        sa.Column("declared", sa.JSON),
        sa.Column("rejected", sa.JSON, nullable=False),
        sa.Column("exported_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.ForeignKeyConstraint(["group"], ["groups.name"], name="fk_cases_group"),
        sa.UniqueConstraint("group", "number", name="uq_cases_group_number"),
    )
    op.create_index("ix_cases_expires_at", "cases", ["expires_at"])
    triage = ["priority", "sort_urgency", "created_at", "id"]
    op.create_index("ix_cases_triage", "cases", triage)
    op.create_index("ix_cases_triage_of_group", "cases", ["group", *triage])
    op.create_index("ix_cases_newest", "cases", ["created_at", "id"])
    op.create_index("ix_cases_newest_of_group", "cases", ["group", "created_at", "id"])


def _create_images() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(32), nullable=False),
        *_case_id("images"),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("thumbnail_object", sa.Text, nullable=False),
        sa.Column("thumbnail_sha256", sa.String(64), nullable=False),
        sa.Column("patient_hash", sa.Text, nullable=False),
        sa.Column("study_hash", sa.Text, nullable=False),
        sa.Column("sop_hash", sa.Text, nullable=False),
        sa.Column("statistics", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("object", name="uq_images_object"),
        sa.UniqueConstraint("thumbnail_object", name="uq_images_thumbnail_object"),
    )
    op.create_index("ix_images_case_id_position", "images", ["case_id", "position"])
    op.create_index("ix_images_patient_hash", "images", ["patient_hash"])


def _create_predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(32), nullable=False),
        *_case_id("predictions"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("approved", sa.Boolean, nullable=False),
        sa.Column("flagged", sa.JSON, nullable=False),
        sa.Column("urgency", sa.Double),
        sa.Column("withheld", sa.Boolean, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_predictions"),
    )
    op.create_index("ix_predictions_case_id_created_at", "predictions", ["case_id", "created_at"])
    op.create_index("ix_predictions_model_version_created_at", "predictions", ["model", "version", "created_at"])


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(32), nullable=False),
        *_case_id("feedback"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("prediction_id", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["predictions.id"], name="fk_feedback_prediction_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_feedback_case_id_created_at", "feedback", ["case_id", "created_at"])


def _create_served() -> None:
    op.create_table(
        "served",
        sa.Column("id", _NUMBER, nullable=False, autoincrement=True),
        *_case_id("served", nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("features", sa.JSON, nullable=False),
        sa.Column("scores", sa.JSON, nullable=False),
        sa.Column("flagged", sa.JSON, nullable=False),
        sa.Column("withheld", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_served"),
    )
    op.create_index("ix_served_model_at", "served", ["model", "at"])
    op.create_index("ix_served_case_id", "served", ["case_id"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    triggers = {"sqlite": _SQLITE_TRIGGERS, "postgresql": _POSTGRESQL_TRIGGERS}
    for statement in triggers[op.get_context().dialect.name]:
        op.execute(statement)
