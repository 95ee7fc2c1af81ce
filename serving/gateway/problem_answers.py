"""Every error of the application becomes one answer of one shape."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from serving.gateway.context import request_id_of
from serving.gateway.problems import BAD_REQUEST, BY_STATUS, INTERNAL, INVALID, MEDIA_TYPE, ProblemError

_log = logging.getLogger("serving.gateway")


def answer_problems(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Makes an application answer its own errors, the router's, the validation's and those that nobody foresaw.

    Args:
        app: the application.
        routers: that it includes, which know the methods of each address.
    """
    app.state.routes = [route for router in routers for route in router.routes]
    handlers: dict[type[Exception], Callable[..., Awaitable[Response]]] = {
        ProblemError: _problem,
        HTTPException: _framework,
        RequestValidationError: _invalid,
        Exception: _unforeseen,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


def problem_response(error: ProblemError, request_id: str) -> Response:
    """Returns the answer that a problem is."""
    return Response(error.body(request_id), error.kind.status, error.headers, MEDIA_TYPE)


async def _problem(request: Request, error: ProblemError) -> Response:
    return problem_response(error, request_id_of(request))


async def _framework(request: Request, error: HTTPException) -> Response:
    headers: Mapping[str, str] = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers or {}
    kind = BY_STATUS.get(error.status_code, BAD_REQUEST if error.status_code < 500 else INTERNAL)
    return await _problem(request, ProblemError(kind, _DETAILS.get(error.status_code, kind.title), headers=headers))


def _allowed(request: Request) -> str:
    """Returns every method that an address takes; the router names those of its first route alone."""
    fitting = [route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in fitting for method in getattr(route, "methods", None) or ()})) or "GET"


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    # What was sent is not repeated: it may name a patient.
    errors = [{"loc": list(one["loc"]), "msg": one["msg"]} for one in error.errors()]
    told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors[:5])
    return await _problem(request, ProblemError(INVALID, told, errors=errors))


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("request %s failed: %s", request_id_of(request), type(error).__name__)
    detail = "it was not foreseen; the gateway's log has it under the request's id"
    return await _problem(request, ProblemError(INTERNAL, detail))


_DETAILS = {
    400: "the body cannot be read as what its Content-Type says",
    404: "no route has this address; /api/v1/openapi.json lists those that there are",
    405: "the header Allow lists the methods that this address takes",
}
