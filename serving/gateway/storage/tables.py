"""The gateway's tables, on SQLite and PostgreSQL alike. A change here is one in `migrations/versions` too.

No table has a patient's identifier: `patient_hash` and its like are keyed hashes, and files have no names.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Migrations drop constraints by name, so that every one has a name that does not depend on the database."""


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone, UTC, to the microsecond; SQLite keeps it without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Returns the time as the database takes it."""
        if value is None:
            return None
        moment = value.astimezone(timezone.utc)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Returns the time with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if dialect.name == "sqlite" else value.astimezone(timezone.utc)


BigNumber = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits; SQLite counts a primary key up only where it is called INTEGER, which has 64 bits there."""
Hex32, Hex64 = String(32), String(64)
Document = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """Root of the tables."""

    metadata = MetaData(naming_convention=_NAMES)


class PropertyRow(Base):
    """A property of the database itself: `image_store`, which store of images belongs to it."""

    __tablename__ = "properties"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class GroupRow(Base):
    """A group of users, and how many cases it has had."""

    __tablename__ = "groups"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    last_number: Mapped[int] = mapped_column(Integer)


class CaseRow(Base):
    """A case.

    Attributes:
        priority, sort_urgency: where triage puts it (`triage.place`); higher comes first.
        exported_at: when its feedback was last exported.
    """

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("group", "number"),
        Index("ix_cases_triage_of_group", "group", "priority", "sort_urgency", "created_at", "id"),
        Index("ix_cases_triage", "priority", "sort_urgency", "created_at", "id"),
        Index("ix_cases_newest_of_group", "group", "created_at", "id"),
        Index("ix_cases_newest", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(Hex32, primary_key=True)
    group: Mapped[str] = mapped_column(Text, ForeignKey("groups.name"))
    number: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    status: Mapped[str] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(Text)
    modality: Mapped[str] = mapped_column(Text)
    image_count: Mapped[int] = mapped_column(Integer)
    flagged: Mapped[list[str]] = mapped_column(Document)
    urgency: Mapped[float | None] = mapped_column(Double)
    withheld: Mapped[list[str]] = mapped_column(Document)
    read: Mapped[bool]
    sample: Mapped[bool]
    priority: Mapped[int] = mapped_column(Integer)
    sort_urgency: Mapped[float] = mapped_column(Double)
    thumbnail: Mapped[str | None] = mapped_column(Hex32)
    declared: Mapped[dict[str, Any] | None] = mapped_column(Document)
    rejected: Mapped[list[dict[str, Any]]] = mapped_column(Document)
    exported_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ImageRow(Base):
    """An image of a case: what the API says of it (`document`), where its bytes are, and their SHA-256."""

    __tablename__ = "images"
    __table_args__ = (Index(None, "case_id", "position"),)

    id: Mapped[str] = mapped_column(Hex32, primary_key=True)
    case_id: Mapped[str] = mapped_column(Hex32, ForeignKey("cases.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    document: Mapped[dict[str, Any]] = mapped_column(Document)
    object: Mapped[str] = mapped_column(Text, unique=True)
    sha256: Mapped[str] = mapped_column(Hex64)
    size: Mapped[int] = mapped_column(BigInteger)
    thumbnail_object: Mapped[str] = mapped_column(Text, unique=True)
    thumbnail_sha256: Mapped[str] = mapped_column(Hex64)
    patient_hash: Mapped[str] = mapped_column(Text, index=True)
    study_hash: Mapped[str] = mapped_column(Text)
    sop_hash: Mapped[str] = mapped_column(Text)
    statistics: Mapped[dict[str, Any]] = mapped_column(Document)


class PredictionRow(Base):
    """A prediction: the API's document, and columns to ask for."""

    __tablename__ = "predictions"
    __table_args__ = (Index(None, "case_id", "created_at"), Index(None, "model", "version", "created_at"))

    id: Mapped[str] = mapped_column(Hex32, primary_key=True)
    case_id: Mapped[str] = mapped_column(Hex32, ForeignKey("cases.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    model: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    approved: Mapped[bool]
    flagged: Mapped[list[str]] = mapped_column(Document)
    urgency: Mapped[float | None] = mapped_column(Double)
    withheld: Mapped[bool]
    document: Mapped[dict[str, Any]] = mapped_column(Document)


class FeedbackRow(Base):
    """What a reader said of a case.

    Attributes:
        blind: of an opinion whether its reader had never been sent what a model said of the case; None: another kind,
            or from before this was noted.
    """

    __tablename__ = "feedback"
    __table_args__ = (Index(None, "case_id", "created_at"),)

    id: Mapped[str] = mapped_column(Hex32, primary_key=True)
    case_id: Mapped[str] = mapped_column(Hex32, ForeignKey("cases.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    author: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    labels: Mapped[list[str]] = mapped_column(Document)
    comment: Mapped[str] = mapped_column(Text)
    prediction_id: Mapped[str | None] = mapped_column(Hex32, ForeignKey("predictions.id", ondelete="CASCADE"))
    blind: Mapped[bool | None]


class ShownRow(Base):
    """A reader who was sent what a model said of a case (`shown`)."""

    __tablename__ = "shown"

    case_id: Mapped[str] = mapped_column(Hex32, ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    reader: Mapped[str] = mapped_column(Text, primary_key=True)


class ServedRow(Base):
    """What a model was sent and answered for one frame; outlives its case, without a trace of it.

    Attributes:
        patient: random token that the records of one patient share; empty in records of before there were any.
        out_of_scope: whether the frame looks unlike the training images to the model; None where it cannot say.
    """

    __tablename__ = "served"
    __table_args__ = (Index(None, "model", "at"),)

    id: Mapped[int] = mapped_column(BigNumber, primary_key=True, autoincrement=True)
    case_id: Mapped[str | None] = mapped_column(Hex32, ForeignKey("cases.id", ondelete="SET NULL"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    patient: Mapped[str] = mapped_column(Hex32, server_default=text("''"))
    out_of_scope: Mapped[bool | None]
    model: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    features: Mapped[dict[str, Any]] = mapped_column(Document)
    scores: Mapped[dict[str, float]] = mapped_column(Document)
    flagged: Mapped[list[str]] = mapped_column(Document)
    withheld: Mapped[list[str]] = mapped_column(Document)


class AuditRow(Base):
    """An entry of the audit log (`data_schemas.audit_chain`); triggers let nobody change or remove one."""

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(BigNumber, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, index=True)
    details: Mapped[dict[str, Any]] = mapped_column(Document)
    previous: Mapped[str] = mapped_column(Hex64)
    hash: Mapped[str] = mapped_column(Hex64)
