"""What Prometheus is told of the model server, predictions and decoding."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from serving.gateway.observability.health import health_routes
from serving.gateway.observability.metrics import Metrics
from serving.gateway.problems import UNAVAILABLE, ProblemError


def test_predictions_are_counted_by_model_version_outcome_and_code():
    metrics = Metrics()
    metrics.prediction("chest", 3, "withheld", ("age_unknown", "view_unknown"))
    metrics.prediction("chest", None, "failed", ())
    text = metrics.text().decode()
    assert 'predictions_total{model="chest",outcome="withheld",version="3"} 1.0' in text
    assert 'predictions_total{model="chest",outcome="failed",version="none"} 1.0' in text
    assert 'withheld_total{code="age_unknown"} 1.0' in text


def test_errors_of_the_model_server_are_counted_and_pass():
    metrics = Metrics()
    with pytest.raises(ProblemError), metrics.model_server_call("ask"):
        raise ProblemError(UNAVAILABLE, "away")
    with metrics.model_server_call("ask"):
        pass
    text = metrics.text().decode()
    assert 'model_server_errors_total{problem="unavailable"} 1.0' in text
    assert 'model_server_duration_seconds_count{call="ask"} 2.0' in text


def test_decoding_is_looked_at_when_it_is_scraped():
    metrics, occupancy = Metrics(), [3, 7]
    metrics.watch_decoding(lambda: (occupancy[0], occupancy[1]))
    assert 'decoding{what="admitted"} 3.0' in metrics.text().decode()
    occupancy[1] = 0
    assert 'decoding{what="waiting"} 0.0' in metrics.text().decode()


def ready(checks, times: int = 1) -> httpx.Response:
    app = FastAPI()
    app.include_router(health_routes(checks, Metrics()))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://h") as client:
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(times)))
            return answers[-1]

    return asyncio.run(ask())


def test_ready_is_when_everything_is_there():
    async def there() -> bool:
        return True

    answer = ready({"storage": there})
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "checks": {"storage": "ready"}})


def test_a_check_that_raises_is_away_and_the_others_are_still_said():
    async def there() -> bool:
        return True

    async def fails() -> bool:
        raise RuntimeError("DOE^JANE")

    answer = ready({"storage": there, "model_server": fails})
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"storage": "ready", "model_server": "away"}}


def test_a_flood_asks_the_checks_once_a_second():
    asked = []

    async def there() -> bool:
        asked.append(1)
        return True

    assert ready({"storage": there}, times=50).status_code == 200
    assert len(asked) == 1
