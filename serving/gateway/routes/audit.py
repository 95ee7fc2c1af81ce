"""What was done by whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from serving.gateway.context import TheGateway, ThePrincipal
from serving.gateway.problems import FORBIDDEN, ProblemError
from serving.gateway.schemas.audit import AuditPage

router = APIRouter(prefix="/api/v1", tags=["audit"])


@router.get("/audit", operation_id="listAudit", summary="The audit log, for admins")
def list_audit(
    gateway: TheGateway,
    principal: ThePrincipal,
    after: Annotated[int, Query(ge=0, le=2**53, description="number that the first entry follows")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> AuditPage:
    """Lists entries, oldest first. Each holds the hash of the one before, so that a change shows."""
    if principal.role != "admin":
        raise ProblemError(FORBIDDEN, "the audit log is for the role admin; yours is reader")
    return gateway.store.audit.page(after, limit, principal=principal)
