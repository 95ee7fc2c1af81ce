"""Puts an upload into the image store and the database, all of it or nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from serving.gateway.principal import Principal
from serving.gateway.schemas.images import RejectedFile
from serving.gateway.schemas.predictions import Declared
from serving.gateway.storage import triage
from serving.gateway.storage.core_statements import insert_rows, table_of
from serving.gateway.storage.image_store import ImageStore, StoredObject
from serving.gateway.storage.new_image import NewImage
from serving.gateway.storage.served import finite
from serving.gateway.storage.tables import CaseRow, GroupRow, ImageRow

_GROUPS = table_of(GroupRow)
_COUNT_UP = (
    update(_GROUPS)
    .where(_GROUPS.c.name == bindparam("group"))
    .values(last_number=_GROUPS.c.last_number + 1)
    .returning(_GROUPS.c.last_number)
)


@dataclass(frozen=True)
class Upload:
    """What is to be kept as a case.

    Attributes:
        model: the one to ask.
        images: one at least.
        rejected: files that gave no image.
        declared: what the caller stated.
        sample: whether the gateway put it there, to try.
        expires_at: when a purge removes it; None: never.
    """

    model: str
    images: Sequence[NewImage]
    rejected: Sequence[RejectedFile] = ()
    declared: Declared | None = None
    sample: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True)
class StoredImage:
    """Where an image's file and its thumbnail are."""

    file: StoredObject
    thumbnail: StoredObject


def new_id() -> str:
    """Returns 128 random bits in hex: an id that nobody guesses, and that tells nothing of what it names."""
    return secrets.token_hex(16)


@contextmanager
def stored_images(store: ImageStore, images: Sequence[NewImage]) -> Iterator[list[StoredImage]]:
    """Yields where images were put, and removes them again where what follows fails.

    They are put before the database is locked: a slow store holds nobody up.
    """
    names: list[str] = []
    try:
        objects = []
        for image in images:
            file = store.put(image.data)
            names.append(file.name)
            thumbnail = store.put(image.thumbnail)
            names.append(thumbnail.name)
            objects.append(StoredImage(file, thumbnail))
        yield objects
    except BaseException:
        for name in names:
            store.remove(name)
        raise


def add_case_rows(
    session: Session, principal: Principal, upload: Upload, objects: Sequence[StoredImage], now: datetime
) -> tuple[CaseRow, list[ImageRow]]:
    """Adds a case and its images to the database, and returns their rows.

    Args:
        session: of `Database.writing`.
        principal: whose group has the case.
        upload: what was uploaded.
        objects: where its images were put, in their order.
        now: the time.
    """
    ids = [new_id() for _ in upload.images]
    declared = upload.declared.model_dump(exclude_none=True) if upload.declared else {}
    priority, sort_urgency = triage.place(read=False, status="uploaded", flagged=False, urgency=None)
    case = CaseRow(
        id=new_id(),
        group=principal.group,
        number=_next_number(session, principal.group),
        created_at=now,
        created_by=principal.subject,
        expires_at=upload.expires_at,
        status="uploaded",
        model=upload.model,
        modality=_modality(upload.images),
        image_count=len(ids),
        flagged=[],
        urgency=None,
        withheld=[],
        read=False,
        sample=upload.sample,
        priority=priority,
        sort_urgency=sort_urgency,
        thumbnail=ids[0] if ids else None,
        declared=declared or None,
        rejected=[one.model_dump(mode="json") for one in upload.rejected],
    )
    insert_rows(session, [case])
    images = [
        _image_row(case.id, image_id, position, image, stored)
        for position, (image_id, image, stored) in enumerate(zip(ids, upload.images, objects, strict=True))
    ]
    insert_rows(session, images)
    return case, images


def _next_number(session: Session, group: str) -> int:
    """Counts a group's cases up by one and returns the new number; a rollback takes it back, so that no gap is left."""
    number = session.connection().execute(_COUNT_UP, {"group": group}).scalar()
    if number is None:  # nobody else writes meanwhile
        insert_rows(session, [GroupRow(name=group, last_number=1)])
    return number or 1


def _modality(images: Sequence[NewImage]) -> str:
    """Returns the modality of the first image whose header says one; empty where none does."""
    return next((image.image.modality for image in images if image.image.modality), "")


def _image_row(case_id: str, image_id: str, position: int, image: NewImage, stored: StoredImage) -> ImageRow:
    return ImageRow(
        id=image_id,
        case_id=case_id,
        position=position,
        document=image.image.model_dump(mode="json", exclude={"id"}),
        object=stored.file.name,
        sha256=stored.file.sha256,
        size=stored.file.size,
        thumbnail_object=stored.thumbnail.name,
        thumbnail_sha256=stored.thumbnail.sha256,
        patient_hash=image.patient_hash,
        study_hash=image.study_hash,
        sop_hash=image.sop_hash,
        statistics=finite(image.statistics),
    )
