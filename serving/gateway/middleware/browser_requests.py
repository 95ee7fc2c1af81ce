"""Requests that a foreign page makes a browser send: another name for this address, or another site's script.

A gateway without authentication trusts whoever sits at the machine, and any page that this person opens could ask in
its name. DNS rebinding makes a foreign name point here: the Host header gives it away. A request across sites is given
away by Sec-Fetch-Site (W3C Fetch Metadata), or by Origin in a browser that does not send it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.gateway.middleware.scope_values import header
from serving.gateway.problems import FORBIDDEN, ProblemError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN = frozenset({"same-origin", "none"})


class BrowserRequests:
    """Refuses them.

    Args:
        app: what is called with the rest.
        hosts: names that the Host header may have, without port; None takes every name.
        watched: paths that may be asked by any name: what watches the gateway knows its address alone.
        check_origin: whether Origin must be the Host, too. A proxy may change the Host, so only where there is none.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: frozenset[str] | None, watched: frozenset[str], check_origin: bool
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._watched = watched
        self._check_origin = check_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app unless the request is refused.

        Raises:
            ProblemError: FORBIDDEN.
        """
        if scope["type"] == "http":
            self._check_host(scope)
            self._check_site(scope)
        await self._app(scope, receive, send)

    def _check_host(self, scope: Scope) -> None:
        if self._hosts is not None and scope["path"] not in self._watched and _host(scope) not in self._hosts:
            raise ProblemError(
                FORBIDDEN,
                "The gateway is not asked by this name. It is by: "
                f"{', '.join(sorted(self._hosts))}; RADFLOW_GATEWAY_ALLOWED_HOSTS adds one.",
            )

    def _check_site(self, scope: Scope) -> None:
        site = header(scope, b"sec-fetch-site")
        if site is None:
            foreign = self._check_origin and _foreign_origin(scope)
        else:
            foreign = site not in _OWN and not _opens_a_page(scope)
        if foreign:
            raise ProblemError(FORBIDDEN, "Pages of other sites may not ask the gateway.")


def _host(scope: Scope) -> str:
    """Returns the Host header's name in lower case, without port and brackets; empty where it is no name."""
    try:
        return urlsplit(f"//{header(scope, b'host') or ''}").hostname or ""
    except ValueError:
        return ""


def _opens_a_page(scope: Scope) -> bool:
    """Returns whether somebody follows a link here: it changes nothing, and the other site sees no answer."""
    return (
        scope["method"] == "GET"
        and header(scope, b"sec-fetch-mode") == "navigate"
        and header(scope, b"sec-fetch-dest") == "document"
    )


def _foreign_origin(scope: Scope) -> bool:
    origin = header(scope, b"origin")
    return origin is not None and origin.lower() != f"{scope['scheme']}://{header(scope, b'host') or ''}".lower()
