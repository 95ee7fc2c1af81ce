"""`/healthz`, `/readyz` and `/metrics`: for whatever watches the gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from serving.gateway.observability.metrics import Metrics

Check = Callable[[], Awaitable[bool]]
_CHECK_S = 2.0
_FRESH_S = 1.0


def health_routes(checks: Mapping[str, Check], metrics: Metrics) -> APIRouter:
    """Returns the routes; none of them needs a principal, and none says anything of a case.

    Args:
        checks: what the gateway needs, by name, e.g. `database`; each returns whether it is there. One that raises, or
            takes longer than 2 s, says no.
        metrics: for `/metrics`.
    """
    routes = APIRouter(include_in_schema=False)
    lately = _Lately(checks)

    @routes.get("/healthz")
    async def alive() -> Response:
        """Answers as long as the process lives."""
        return JSONResponse({"status": "alive"})

    @routes.get("/readyz")
    async def ready() -> Response:
        """Answers 503, and what is away, until everything that the gateway needs is there."""
        answers = await lately.answers()
        said = {name: "ready" if answer else "away" for name, answer in answers.items()}
        return JSONResponse({"ready": all(answers.values()), "checks": said}, 200 if all(answers.values()) else 503)

    @routes.get("/metrics")
    async def scrape() -> Response:
        """Answers in Prometheus' text format."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


class _Lately:
    """Asks the checks at most once a second: everybody may ask `/readyz`, as often as they like."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._lock = asyncio.Lock()
        self._answers: dict[str, bool] = {}
        self._until = 0.0

    async def answers(self) -> dict[str, bool]:
        """Returns what they said, by name."""
        async with self._lock:
            if time.monotonic() >= self._until:
                said = await asyncio.gather(*(_answers(check) for check in self._checks.values()))
                self._answers = dict(zip(self._checks, said, strict=True))
                self._until = time.monotonic() + _FRESH_S
            return self._answers


async def _answers(check: Check) -> bool:
    try:
        return bool(await asyncio.wait_for(check(), _CHECK_S))
    except Exception:  # noqa: BLE001  # whatever keeps it from answering, it is away
        return False
