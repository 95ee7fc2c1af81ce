"""Who asks, and what the page needs to begin."""

from __future__ import annotations

from fastapi import APIRouter

from serving.gateway.context import TheGateway, ThePrincipal
from serving.gateway.samples import sample_files
from serving.gateway.schemas.session import Session

router = APIRouter(prefix="/api/v1", tags=["session"])


@router.get("/session", operation_id="getSession", summary="Who asks, and what one upload may hold")
def get_session(gateway: TheGateway, principal: ThePrincipal) -> Session:
    """Answers 401 where authentication is configured and the request carries none."""
    settings = gateway.settings
    return Session(
        subject=principal.subject,
        role=principal.role,
        group=principal.group,
        authentication=principal.authentication,
        max_bytes=settings.max_request_bytes,
        max_files=settings.max_files,
        retention_days=settings.retention_days,
        samples=len(sample_files(settings.samples)),
    )
