"""An error, as the API answers it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Problem(BaseModel):
    """An error as RFC 9457 has it (application/problem+json).

    Attributes:
        type: names the kind of problem, e.g. `/problems/too-large`.
        title: the same in words, equal for all of a kind.
        status: the HTTP status.
        detail: what failed this time, what was allowed, and what to do; never anything of a patient.
        request_id: to be found in the gateway's and the model server's log.
        errors: of a request that does not validate, one object for each field: `loc` and `msg`.
    """

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[str, Any]] | None = None
