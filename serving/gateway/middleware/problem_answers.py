"""Whatever goes wrong is answered with a problem of RFC 9457, and a failure's text goes nowhere."""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.gateway.middleware.scope_values import request_id
from serving.gateway.observability.logs import error_without_text
from serving.gateway.problems import INTERNAL, MEDIA_TYPE, ProblemError

_LOG = logging.getLogger(__name__)
_UNFORESEEN = "The gateway failed in a way that was not foreseen. Report the request's id: the log has where."


def problem_messages(error: ProblemError, scope: Scope) -> tuple[Message, bytes]:
    """Returns the start of an answer, and its body."""
    body = error.body(request_id(scope))
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **error.headers}
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": error.kind.status, "headers": pairs}, body


class ProblemAnswers:
    """Answers the errors of what it surrounds.

    Without it the web server would log an error with its text, and that may quote a file.

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
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            return
        except ProblemError as error:
            problem = error
        except Exception as error:  # noqa: BLE001  # the last one who can keep its text out of the web server's log
            _LOG.error("unforeseen", extra={"request_id": request_id(scope), "error": error_without_text(error)})
            problem = ProblemError(INTERNAL, _UNFORESEEN)
        else:
            return
        if not started:
            start, body = problem_messages(problem, scope)
            await send(start)
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
