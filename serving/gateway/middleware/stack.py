"""All of the middleware around the gateway's routes, in its order."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Scope

from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.authenticator import Authenticator
from serving.gateway.middleware.authentication import Authentication
from serving.gateway.middleware.body_limits import BodyLimits
from serving.gateway.middleware.browser_requests import LOOPBACK_NAMES, BrowserRequests
from serving.gateway.middleware.problem_answers import ProblemAnswers
from serving.gateway.middleware.rate_limits import RateLimits
from serving.gateway.middleware.rates import Rate
from serving.gateway.middleware.refusals import Refusal, Refusals
from serving.gateway.middleware.request_ids import RequestIds
from serving.gateway.middleware.request_log import RequestLog
from serving.gateway.middleware.security_headers import SecurityHeaders
from serving.gateway.observability.metrics import Metrics
from serving.gateway.settings import GatewaySettings

UPLOADS = "/api/v1/studies"
_WATCHED = frozenset({"/healthz", "/readyz", "/metrics"})


def surround(
    app: ASGIApp,
    *,
    settings: GatewaySettings,
    authenticator: Authenticator | None,
    pseudonyms: Pseudonyms,
    metrics: Metrics,
    audit: Callable[[Refusal], None],
) -> ASGIApp:
    """Returns the app with everything around it; FastAPI takes it as `app.add_middleware(surround, settings=...)`.

    From the outside in: the request's id; the log; security headers; limits of the body as it streams; the audit of
    refusals; answers to errors; requests of foreign pages; who asks; how often. No body is read before the app does.

    Args:
        app: the routes.
        settings: of the gateway.
        authenticator: of `authenticator(settings, pseudonyms)`.
        pseudonyms: make the hash of an address.
        metrics: count.
        audit: writes a refusal to the audit log; called in a thread.
    """
    local = authenticator is None
    app = RateLimits(app, rate=Rate(settings.rate_per_minute))
    app = Authentication(app, authenticator=authenticator, failures=Rate(settings.failed_per_minute))
    app = BrowserRequests(
        app, hosts=_hosts(settings, local=local), watched=frozenset() if local else _WATCHED, check_origin=local
    )
    app = ProblemAnswers(app)
    app = Refusals(app, audit=audit, rate=Rate(settings.failed_per_minute), pseudonyms=pseudonyms, metrics=metrics)
    app = BodyLimits(app, limit=body_limit(settings), idle_s=settings.body_idle_s)
    app = SecurityHeaders(app)
    app = RequestLog(app, metrics=metrics)
    return RequestIds(app)


def _hosts(settings: GatewaySettings, *, local: bool) -> frozenset[str] | None:
    named = frozenset(name.lower() for name in settings.allowed_hosts)
    if named or local:
        return named | LOOPBACK_NAMES
    return None


def body_limit(settings: GatewaySettings) -> Callable[[Scope], int]:
    """Returns what gives the bytes that a request may have: an upload many, all else few."""

    def limit(scope: Scope) -> int:
        is_upload = scope["method"] == "POST" and scope["path"].rstrip("/") == UPLOADS
        return settings.max_request_bytes if is_upload else settings.max_json_bytes

    return limit
