"""Refused access is audited: who was not let in, where, and when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imaging.pseudonyms import Pseudonyms
from serving.gateway.middleware.rates import Rate
from serving.gateway.middleware.scope_values import peer, request_id, route_template, state
from serving.gateway.observability.metrics import Metrics
from serving.gateway.principal import Principal

_LOG = logging.getLogger(__name__)
_REFUSED = (401, 403)


@dataclass(frozen=True)
class Refusal:
    """One request that was refused.

    Attributes:
        principal: who asked; of nobody known, `subject` is the keyed hash of the address, and `group` is empty.
        route: the route's template.
        status: 401 or 403.
        request_id: of the request.
    """

    principal: Principal
    route: str
    status: int
    request_id: str


class Refusals:
    """Counts every refusal, and gives those of an address to the audit log until it makes too many.

    Args:
        app: what is called.
        audit: writes one to the audit log; called in a thread, since it waits for the database.
        rate: how many of an address are audited: a flood must not fill the disk.
        pseudonyms: make the hash of an address.
        metrics: count.
    """

    def __init__(
        self, app: ASGIApp, *, audit: Callable[[Refusal], None], rate: Rate, pseudonyms: Pseudonyms, metrics: Metrics
    ) -> None:
        self._app = app
        self._audit = audit
        self._rate = rate
        self._pseudonyms = pseudonyms
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app, and audits what it refuses before that is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _REFUSED:
                await self._note(scope, message["status"])
            await send(message)

        await self._app(scope, receive, noting)

    async def _note(self, scope: Scope, status: int) -> None:
        self._metrics.refused.labels(str(status)).inc()
        if await self._rate.seconds_to_wait(peer(scope)):
            return
        refusal = Refusal(self._principal(scope), route_template(scope), status, request_id(scope))
        try:
            await asyncio.to_thread(self._audit, refusal)
        except Exception:  # noqa: BLE001  # the caller is refused either way
            _LOG.exception("a refusal could not be audited", extra={"request_id": refusal.request_id})

    def _principal(self, scope: Scope) -> Principal:
        principal = state(scope).get("principal")
        if isinstance(principal, Principal):
            return principal
        subject = self._pseudonyms.pseudonym("peer", peer(scope))
        return Principal(subject=subject, role="reader", group="", authentication="none")
