"""Who asks, and what the page needs to begin."""

from __future__ import annotations

from typing import Literal

from serving.gateway.schemas.base import Answer


class Session(Answer):
    """Who asks, and what the page needs to begin.

    Attributes:
        role: a reader sees the cases of its group; an admin every case, and the audit log.
        authentication: `none`: this machine's user alone, on the loopback address.
        max_bytes, max_files: of one upload.
        samples: how many sample files `POST /api/v1/samples` has to give.
    """

    subject: str
    role: Literal["reader", "admin"]
    group: str
    authentication: Literal["none", "api_key", "oidc"]
    max_bytes: int
    max_files: int
    retention_days: int | None
    samples: int = 0
