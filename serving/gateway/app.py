"""The gateway's ASGI application: `uvicorn serving.gateway.app:app`, configured by its environment.

It has no TensorFlow: a model server is asked over gRPC. Nothing is decoded in its own process.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from imaging.pseudonyms import Pseudonyms
from serving.gateway.api_description import describe_api
from serving.gateway.authentication.authenticator import authenticator
from serving.gateway.context import Gateway
from serving.gateway.decoding_pool import DecodingPool
from serving.gateway.explainer import Explainer
from serving.gateway.intake import Intake
from serving.gateway.middleware.stack import surround
from serving.gateway.observability.health import health_routes
from serving.gateway.observability.metrics import Metrics
from serving.gateway.parts_check import parts_checks, refusal_audit
from serving.gateway.predictor import Predictor
from serving.gateway.problem_answers import answer_problems
from serving.gateway.routes import audit, images, models, page, session, studies
from serving.gateway.samples import SampleTurn
from serving.gateway.served_models import ServedModels
from serving.gateway.settings import GatewaySettings
from serving.gateway.storage.store import Store, utc_now
from serving.gateway.version_facts import VersionFacts
from serving.gateway.work_folders import WorkFolders

KEY_FILE = "key"
"""In the data folder: the key of pseudonyms."""

_DAY_S = 86_400.0
_log = logging.getLogger("serving.gateway")


def create_app(settings: GatewaySettings) -> FastAPI:
    """Returns the application.

    Args:
        settings: all that an operator says of it.

    Raises:
        ConfigurationError: a file or folder that the settings name cannot be used.

    Example:
        >>> app = create_app(GatewaySettings.from_environment(os.environ))
    """
    pseudonyms = Pseudonyms.load_or_create(settings.data_folder / KEY_FILE)
    tokens = authenticator(settings, pseudonyms)
    gateway = _gateway(settings, pseudonyms)
    app = FastAPI(
        title="Radflow gateway",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_running(gateway),
    )
    app.state.gateway = gateway
    health = health_routes(parts_checks(gateway), gateway.metrics)
    routers = [session.router, models.router, studies.router, images.router, audit.router, page.router, health]
    for router in routers:
        app.include_router(router)
    answer_problems(app, routers)
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


def _gateway(settings: GatewaySettings, pseudonyms: Pseudonyms) -> Gateway:
    """Returns the gateway's parts."""
    store = Store.open(settings.database_url, settings.image_store, migrated=settings.migrate)
    facts = VersionFacts(settings.serving_root)
    decoding = DecodingPool(workers=settings.decode_workers, waiting=settings.decode_queue)
    folders = WorkFolders(settings.data_folder)
    metrics = Metrics()
    metrics.watch_decoding(decoding.occupancy)
    return Gateway(
        settings=settings,
        clock=utc_now,
        models=ServedModels(settings, metrics),
        facts=facts,
        store=store,
        decoding=decoding,
        folders=folders,
        intake=Intake(decoding, settings, settings.data_folder / KEY_FILE),
        predictor=Predictor(store, decoding, folders, facts, settings, metrics, clock=utc_now),
        explainer=Explainer(store, decoding),
        samples=SampleTurn(),
        pseudonyms=pseudonyms,
        metrics=metrics,
    )


def _running(gateway: Gateway) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.decoding.start()
        tidying = asyncio.create_task(_tidy_daily(gateway))
        try:
            yield
        finally:
            tidying.cancel()
            await asyncio.to_thread(gateway.decoding.close)
            gateway.models.close()
            gateway.store.close()

    return lifespan


async def _tidy_daily(gateway: Gateway) -> None:
    """Removes once a day what has expired, and what killed processes have left."""
    while True:
        try:
            await asyncio.to_thread(gateway.folders.remove_left_over)
            await asyncio.to_thread(gateway.store.purge)
        except Exception as error:  # noqa: BLE001  # a purge that fails is tried again, and must not end the gateway
            _log.error("cases that have expired could not be removed: %s", type(error).__name__)
        await asyncio.sleep(_DAY_S)


def __getattr__(name: str) -> FastAPI:
    """Returns `app`, made when it is asked for: importing this module does nothing."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = create_app(GatewaySettings.from_environment(os.environ))
    globals()["app"] = app
    return app
