"""The gateway's errors: one shape for all of them, RFC 9457's application/problem+json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.gateway.schemas.problem import Problem

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: the end of its `type`, its HTTP status, and its title."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The URI reference that names the kind."""
        return f"/problems/{self.name}"


BAD_REQUEST = Kind("bad-request", 400, "The request cannot be read")
UNAUTHENTICATED = Kind("unauthenticated", 401, "Say who you are")
FORBIDDEN = Kind("forbidden", 403, "You may not do this")
NOT_FOUND = Kind("not-found", 404, "There is no such thing, or it is not yours")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "This method is not for this address")
TOO_SLOW = Kind("too-slow", 408, "The request came too slowly")
CONFLICT = Kind("conflict", 409, "This does not go with the state of the case")
TOO_LARGE = Kind("too-large", 413, "The request is larger than is taken")
UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", 415, "This media type is not taken")
INVALID = Kind("invalid", 422, "The request does not hold what it must")
NO_IMAGE = Kind("no-image", 422, "No file of the upload is an image that can be read")
TOO_MANY = Kind("too-many-requests", 429, "Too much at once")
INTERNAL = Kind("internal", 500, "Something failed that was not foreseen")
MODEL_REFUSED = Kind("model-refused", 502, "The model server refused the request")
UNAVAILABLE = Kind("unavailable", 503, "Something that the gateway needs is away")

BY_STATUS = {
    kind.status: kind
    for kind in (
        BAD_REQUEST, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_SLOW, CONFLICT, TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, TOO_MANY, INTERNAL, MODEL_REFUSED, UNAVAILABLE,
    )
}  # fmt: skip
"""What a framework's own errors are answered as."""


class ProblemError(Exception):
    """A request that is answered with a problem.

    Args:
        kind: which.
        detail: what failed this time, what was allowed, and what to do; never anything of a patient.
        headers: further headers of the answer, e.g. Retry-After.
        errors: of a request that does not validate, one object for each field.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors

    def body(self, request_id: str) -> bytes:
        """Returns the answer's body, JSON in UTF-8."""
        problem = Problem(
            type=self.kind.type,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            request_id=request_id,
            errors=self.errors,
        )
        return problem.model_dump_json(exclude_none=True).encode()
