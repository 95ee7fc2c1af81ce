"""The files of cases' images, for whoever may see the case."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from serving.gateway.principal import Principal
from serving.gateway.storage.case_access import CaseAccess, is_id, not_found, of_case
from serving.gateway.storage.image_store import ImageStore
from serving.gateway.storage.tables import ImageRow


class KeptImages:
    """The images of a store's cases; `Store.images`.

    Args:
        access: opens the cases.
        images: where their files are.
    """

    def __init__(self, access: CaseAccess, images: ImageStore) -> None:
        self._access = access
        self._images = images

    def read(self, case_id: str, image_id: str, principal: Principal) -> bytes:
        """Returns the bytes of an image's file, de-identified as it was kept.

        Raises:
            ProblemError: NOT_FOUND, there is none, or it is another group's; INTERNAL, the file was changed.
        """
        row = self._row(case_id, image_id, principal)
        return self._images.read(row.object, row.sha256)

    def file(self, case_id: str, image_id: str, principal: Principal) -> AbstractContextManager[Path]:
        """Returns a context with the path of an image's file, to read only: what is too large for memory.

        Raises:
            ProblemError: as `read` does.
        """
        row = self._row(case_id, image_id, principal)
        return self._images.file(row.object, row.sha256)

    def thumbnail(self, case_id: str, image_id: str, principal: Principal) -> bytes:
        """Returns the PNG of an image's thumbnail.

        Raises:
            ProblemError: as `read` does.
        """
        row = self._row(case_id, image_id, principal)
        return self._images.read(row.thumbnail_object, row.thumbnail_sha256)

    def _row(self, case_id: str, image_id: str, principal: Principal) -> ImageRow:
        with self._access.reading(case_id, principal) as (session, _):
            of_that_id = of_case(ImageRow, case_id).where(ImageRow.id == image_id)
            row = session.scalars(of_that_id).first() if is_id(image_id) else None
        if row is None:
            raise not_found("image")
        return row
