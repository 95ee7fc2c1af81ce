"""Who asks is found before anything of a request's body is read."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.gateway.authentication.authenticator import Authenticator
from serving.gateway.authentication.invalid_token import InvalidToken
from serving.gateway.middleware.rates import Rate
from serving.gateway.middleware.scope_values import header, is_loopback, peer, state
from serving.gateway.principal import LOCAL, Principal
from serving.gateway.problems import FORBIDDEN, TOO_MANY, UNAUTHENTICATED, ProblemError

OPEN = frozenset({"/", "/favicon.ico", "/healthz", "/readyz", "/metrics"})
"""What everybody may have: the page, which is nobody's, and what watches the gateway. All else asks who you are."""
_OPEN_FOLDER = "/assets/"
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
"""RFC 6750, section 2.1."""
_CHALLENGE = 'Bearer realm="radflow"'


class Authentication:
    """Sets `request.state.principal`, or refuses.

    Args:
        app: what is called with those who were let in.
        authenticator: reads tokens; None lets in this machine's user alone.
        failures: how many wrong tokens an address may send. A right one is taken all the same: who shares the address
            of somebody who guesses is not shut out.
    """

    def __init__(self, app: ASGIApp, *, authenticator: Authenticator | None, failures: Rate) -> None:
        self._app = app
        self._authenticator = authenticator
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app.

        Raises:
            ProblemError: UNAUTHENTICATED, FORBIDDEN, TOO_MANY or UNAVAILABLE.
        """
        if scope["type"] == "websocket":  # nothing here speaks it, and nothing may pass by it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            principal = await self._principal(scope)
            if principal is not None:
                state(scope)["principal"] = principal
        await self._app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal | None:
        """Returns who asks; None where everybody may."""
        if self._authenticator is None:
            return _local(scope)
        if is_open(scope["path"]):
            return None
        try:
            return await self._authenticator.principal(_token(scope))
        except InvalidToken as error:
            raise await self._refused(scope) from error

    async def _refused(self, scope: Scope) -> ProblemError:
        wait = await self._failures.seconds_to_wait(peer(scope))
        if wait:
            detail = f"Too many wrong tokens came from your address: wait {wait} s."
            return ProblemError(TOO_MANY, detail, headers={"Retry-After": str(wait)})
        return ProblemError(
            UNAUTHENTICATED,
            "Your token is not taken: it is unknown, has expired, or was made for another service. Ask for a new one.",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
        )


def is_open(path: str) -> bool:
    """Returns whether a path is for everybody."""
    return path in OPEN or (path.startswith(_OPEN_FOLDER) and ".." not in path)


def _local(scope: Scope) -> Principal:
    """Returns this machine's user; what a proxy of this machine passes on comes from elsewhere."""
    if is_loopback(scope) and not any(name in _FORWARDED for name, _ in scope["headers"]):
        return LOCAL
    raise ProblemError(
        FORBIDDEN,
        "No authentication is configured, so that only this machine is served. "
        "Configure API keys or an OIDC issuer (docs/security.md).",
    )


def _token(scope: Scope) -> str:
    given = header(scope, b"authorization")
    if given is None:
        raise ProblemError(
            UNAUTHENTICATED,
            "Send your API key or token in the header Authorization, as `Bearer TOKEN`.",
            headers={"WWW-Authenticate": _CHALLENGE},
        )
    match = _BEARER.fullmatch(given)
    if match is None:
        raise InvalidToken("malformed")
    return match[1]
