"""A tiny application inside the gateway's middleware, and tokens for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, UploadFile
from starlette.responses import JSONResponse, PlainTextResponse

from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.authenticator import Authenticator, authenticator
from serving.gateway.middleware.refusals import Refusal
from serving.gateway.middleware.stack import surround
from serving.gateway.observability.metrics import Metrics
from serving.gateway.patient_protocol import PatientProtocol
from serving.gateway.settings import GatewaySettings

PSEUDONYMS = Pseudonyms(bytes(range(32)))


def tiny_app() -> FastAPI:
    """Returns an application that says what it was given."""
    app = FastAPI()

    @app.get("/healthz")
    async def health() -> Any:
        return PlainTextResponse("alive")

    @app.get("/api/v1/session")
    async def session(request: Request) -> Any:
        principal = request.state.principal
        return {
            "subject": principal.subject,
            "role": principal.role,
            "group": principal.group,
            "authentication": principal.authentication,
            "request_id": request.state.request_id,
        }

    @app.get("/api/v1/studies/{case}")
    async def case(case: str) -> Any:
        return JSONResponse({"case": case}, headers={"Cache-Control": "public", "X-Frame-Options": "ALLOW"})

    @app.get("/")
    async def page() -> Any:
        return PlainTextResponse("page")

    @app.get("/assets/{name}")
    async def asset(name: str) -> Any:
        return PlainTextResponse(name, headers={"Cache-Control": "public, max-age=60"})

    @app.post("/api/v1/studies")
    async def upload(files: list[UploadFile]) -> Any:
        return {"bytes": sum([len(await file.read()) for file in files])}

    @app.post("/api/v1/raw")
    async def raw(request: Request) -> Any:
        return {"bytes": len(await request.body())}

    @app.get("/fails")
    async def fails() -> Any:
        raise RuntimeError("DOE^JANE could not be read")

    return app


@dataclass
class Surrounded:
    """The tiny application with all of the middleware around it."""

    app: Any
    metrics: Metrics
    audited: list[Refusal] = field(default_factory=list)

    def client(self, **options: Any) -> httpx.AsyncClient:
        peer = options.pop("peer", "127.0.0.1")
        transport = httpx.ASGITransport(self.app, client=(peer, 50123))
        return httpx.AsyncClient(transport=transport, **{"base_url": "http://127.0.0.1:8080", **options})


Surround = Callable[..., Surrounded]


@pytest.fixture
def surrounded(tmp_path: Path) -> Surround:
    """Returns what puts the middleware around the tiny application, with these settings."""

    def make(*, tokens: Authenticator | None = None, app: Any = None, audit: Any = None, **settings: Any) -> Surrounded:
        given = GatewaySettings(data_folder=tmp_path, **settings)
        metrics = Metrics()
        audited: list[Refusal] = []
        wrapped = app or tiny_app()
        wrapped.add_middleware(
            surround,
            settings=given,
            authenticator=tokens or authenticator(given, PSEUDONYMS),
            pseudonyms=PSEUDONYMS,
            metrics=metrics,
            audit=audit or audited.append,
        )
        return Surrounded(wrapped, metrics, audited)

    return make


@pytest.fixture
def listening() -> Iterator[Callable[[Any], int]]:
    """Returns what serves an application over real HTTP on a free port, and the port."""
    started: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(app: Any) -> int:
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, http=PatientProtocol, ws="none", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        started.append((server, thread))
        thread.start()
        while not server.started:
            thread.join(0.01)
        port: int = server.servers[0].sockets[0].getsockname()[1]
        return port

    yield serve
    for server, thread in started:
        server.should_exit = True
        thread.join(10)
