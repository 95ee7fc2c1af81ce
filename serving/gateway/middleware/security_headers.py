"""Headers that tell a browser what it may do with an answer: those of OWASP, and a strict Content Security Policy."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_HSTS = "max-age=31536000"
_NO_STORE = "no-store"
"""What is shown of a patient stays in no cache, neither the browser's nor a proxy's."""


class SecurityHeaders:
    """Puts them on every answer, in place of what the app said of the same.

    Args:
        app: what is called.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ours = _headers(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [pair for pair in message.get("headers", []) if pair[0].lower() not in ours]
                message["headers"] = [*others, *ours.items()]
            await send(message)

        await self._app(scope, receive, with_headers)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    headers = dict(_HEADERS)
    if scope.get("scheme") == "https":
        headers["strict-transport-security"] = _HSTS
    if not scope["path"].startswith(
        "/assets/"
    ):  # the page's own files: the same for everybody, and named by their content
        headers["cache-control"] = _NO_STORE
    return {name.encode(): value.encode() for name, value in headers.items()}
