"""The gateway's ASGI application: `uvicorn serving.gateway.app:app`, configured by its environment.

It has no TensorFlow: a model server is asked over gRPC. Nothing is decoded in its own process.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from imaging.pseudonyms import Pseudonyms
from serving.gateway.api_description import describe_api
from serving.gateway.authentication.authenticator import authenticator
from serving.gateway.context import Gateway
from serving.gateway.middleware.stack import surround
from serving.gateway.observability.health import health_routes
from serving.gateway.observability.metrics import Metrics
from serving.gateway.parts_check import parts_checks, refusal_audit
from serving.gateway.problem_answers import answer_problems
from serving.gateway.routes import models, session
from serving.gateway.served_models import ServedModels
from serving.gateway.settings import GatewaySettings
from serving.gateway.storage.store import Store
from serving.gateway.version_facts import VersionFacts


def create_app(settings: GatewaySettings) -> FastAPI:
    """Returns the application.

    Args:
        settings: all that an operator says of it.

    Raises:
        ConfigurationError: a file or folder that the settings name cannot be used.

    Example:
        >>> app = create_app(GatewaySettings.from_environment(os.environ))
    """
    pseudonyms = Pseudonyms.load_or_create(settings.data_folder / "key")
    tokens = authenticator(settings, pseudonyms)
    gateway = Gateway(
        settings=settings,
        models=ServedModels(settings),
        facts=VersionFacts(settings.serving_root),
        store=Store.open(settings.database_url, settings.image_store),
        pseudonyms=pseudonyms,
        metrics=Metrics(),
    )
    app = FastAPI(
        title="Radflow gateway",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_closing(gateway),
    )
    app.state.gateway = gateway
    answer_problems(app)
    for router in (session.router, models.router):
        app.include_router(router)
    app.include_router(health_routes(parts_checks(gateway), gateway.metrics))
    app.add_middleware(
        surround,
        settings=settings,
        authenticator=tokens,
        pseudonyms=pseudonyms,
        metrics=gateway.metrics,
        audit=refusal_audit(gateway.store),
    )
    describe_api(app, authenticated=settings.authenticated)
    return app


def _closing(gateway: Gateway) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        gateway.models.close()
        gateway.store.close()

    return lifespan


def __getattr__(name: str) -> FastAPI:
    """Returns `app`, made when it is asked for: importing this module does nothing."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = create_app(GatewaySettings.from_environment(os.environ))
    globals()["app"] = app
    return app
