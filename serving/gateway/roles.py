"""Which role a route asks for; `serving.gateway.context.ThePrincipal` is whoever was let in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from serving.gateway.context import ThePrincipal
from serving.gateway.principal import Principal
from serving.gateway.problems import FORBIDDEN, ProblemError


def admin_of(principal: ThePrincipal) -> Principal:
    """Returns who asks, if it is an admin.

    Raises:
        ProblemError: UNAUTHENTICATED, nobody was let in; FORBIDDEN, it is no admin.
    """
    if principal.role != "admin":
        raise ProblemError(FORBIDDEN, "This address is for the role admin; yours is reader.")
    return principal


TheAdmin = Annotated[Principal, Depends(admin_of)]
