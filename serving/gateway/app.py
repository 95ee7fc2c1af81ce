"""The gateway's ASGI application: `uvicorn serving.gateway.app:app`, configured by its environment.

It has no TensorFlow: a model server is asked over gRPC. Nothing is decoded in its own process.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from serving.gateway.api_description import describe_api
from serving.gateway.context import Gateway
from serving.gateway.problem_answers import answer_problems
from serving.gateway.routes import models, session
from serving.gateway.served_models import ServedModels
from serving.gateway.settings import GatewaySettings
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
    gateway = Gateway(settings=settings, models=ServedModels(settings), facts=VersionFacts(settings.serving_root))
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
    describe_api(app, authenticated=settings.authenticated)
    return app


def _closing(gateway: Gateway) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        gateway.models.close()

    return lifespan


def __getattr__(name: str) -> FastAPI:
    """Returns `app`, made when it is asked for: importing this module does nothing."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = create_app(GatewaySettings.from_environment(os.environ))
    globals()["app"] = app
    return app
