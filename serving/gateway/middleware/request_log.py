"""One line of the log, and the metrics, for each request."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.gateway.middleware.scope_values import request_id, route_template, state
from serving.gateway.observability.metrics import METHODS, Metrics
from serving.gateway.principal import Principal

_LOG = logging.getLogger(__name__)
_GONE = 499
"""Nobody was there any more to be answered; nginx's number for it."""
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: counted, and logged when they fail."""


class RequestLog:
    """Logs method, route template, status, milliseconds, bytes and the principal's keyed hash.

    Args:
        app: what is called.
        metrics: that count.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = _GONE, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.in_progress.dec()
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_template(scope)
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        self._metrics.request(method, route, status, seconds)
        if route in _QUIET and status < 500:
            return
        found = state(scope)
        principal = found.get("principal")
        said = {
            "request_id": request_id(scope),
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "body_bytes": found.get("body_bytes", 0),
            "principal": principal.subject if isinstance(principal, Principal) else None,
        }
        _LOG.log(logging.ERROR if status >= 500 else logging.INFO, "request", extra=said)
