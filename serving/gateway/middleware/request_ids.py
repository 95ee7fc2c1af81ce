"""Every request has an id: in its answer, in the log, in a problem, and in the model server's log."""

from __future__ import annotations

import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.gateway.middleware.scope_values import header, state

_TAKEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""A UUID, with or without dashes. A caller could put a patient's name into a freer form, and the log would keep it."""


class RequestIds:
    """Takes the caller's `X-Request-Id` where it is a UUID, else makes one.

    Args:
        app: what is called with `request.state.request_id` set.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app, and answers the id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id") or ""
        identifier = given.lower() if _TAKEN.fullmatch(given) else uuid.uuid4().hex
        state(scope)["request_id"] = identifier

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [pair for pair in message.get("headers", []) if pair[0].lower() != b"x-request-id"]
                message["headers"] = [*others, (b"x-request-id", identifier.encode())]
            await send(message)

        await self._app(scope, receive, with_id)
