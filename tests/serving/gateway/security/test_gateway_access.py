"""The gateway's own application: every route of it is behind the authentication, and refusals are in its audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from serving.gateway.app import create_app
from serving.gateway.authentication.api_keys import new_key, write_keys
from serving.gateway.middleware.authentication import is_open
from serving.gateway.settings import GatewaySettings

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    made = {
        name: new_key(subject=name, role=role, group=group, expires=None, now=NOW)
        for name, role, group in (("reader", "reader", "ct"), ("other", "reader", "mr"), ("admin", "admin", "it"))
    }
    write_keys(tmp_path / "keys.json", [record for _, record in made.values()])
    return {name: key for name, (key, _) in made.items()}


@pytest.fixture
def app(tmp_path: Path, keys: dict[str, str]) -> Iterator[FastAPI]:
    app = create_app(
        GatewaySettings(data_folder=tmp_path / "data", api_keys_file=tmp_path / "keys.json", model_server="127.0.0.1:1")
    )
    yield app
    app.state.gateway.store.close()
    app.state.gateway.models.close()


def ask(app: Any, path: str, key: str | None = None, *, method: str = "GET", **options: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("10.1.2.3", 5))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, headers=headers, **options)

    return asyncio.run(once())


def test_every_operation_of_the_api_wants_a_token(app: FastAPI):
    for path, operations in app.openapi()["paths"].items():
        if is_open(path):
            continue
        for method in operations:
            filled = path.replace("{case}", "0" * 32).replace("{image}", "0" * 32).replace("{name}", "m")
            assert ask(app, filled, method=method.upper()).status_code == 401, (method, path)


def test_health_needs_none_and_says_what_is_away(app: FastAPI):
    assert ask(app, "/healthz").json() == {"status": "alive"}
    answer = ask(app, "/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["storage"] == "ready" and answer.json()["checks"]["model_server"] == "away"
    assert "radflow_gateway_requests_total" in ask(app, "/metrics").text


def test_a_refusal_is_in_the_audit_log_by_hash_and_route_alone(app: FastAPI, keys: dict[str, str]):
    answer = ask(app, "/api/v1/studies/" + "a" * 32, "radflow_123456789012_wrong")
    (entry,) = app.state.gateway.store.audit.page().entries
    assert (entry.action, entry.details["status"]) == ("refused", 401)
    assert entry.details["request_id"] == answer.headers["x-request-id"]
    assert "10.1.2.3" not in str(entry) and "a" * 32 not in str(entry)


def test_the_session_is_that_of_the_key(app: FastAPI, keys: dict[str, str]):
    told = ask(app, "/api/v1/session", keys["other"]).json()
    assert (told["role"], told["group"], told["authentication"]) == ("reader", "mr", "api_key")
