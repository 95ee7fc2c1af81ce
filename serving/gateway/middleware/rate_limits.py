"""How many requests somebody may make in a minute, before any body is read."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.gateway.middleware.rates import Rate
from serving.gateway.middleware.scope_values import peer, state
from serving.gateway.principal import Principal
from serving.gateway.problems import TOO_MANY, ProblemError

_UNCOUNTED = frozenset({"/healthz", "/readyz"})
"""A machine's health must be known while somebody floods it."""


class RateLimits:
    """Counts by principal, and by address where everybody may ask.

    Args:
        app: what is called.
        rate: how many.
    """

    def __init__(self, app: ASGIApp, *, rate: Rate) -> None:
        self._app = app
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app.

        Raises:
            ProblemError: TOO_MANY.
        """
        if scope["type"] == "http" and scope["path"] not in _UNCOUNTED:
            wait = await self._rate.seconds_to_wait(_who(scope))
            if wait:
                detail = f"You asked more often than is taken: wait {wait} s."
                raise ProblemError(TOO_MANY, detail, headers={"Retry-After": str(wait)})
        await self._app(scope, receive, send)


def _who(scope: Scope) -> str:
    principal = state(scope).get("principal")
    return f"principal {principal.subject}" if isinstance(principal, Principal) else f"peer {peer(scope)}"
