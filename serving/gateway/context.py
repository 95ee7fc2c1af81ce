"""What a route is given: the gateway's parts, who asks, and the id of the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from imaging.pseudonyms import Pseudonyms
from serving.gateway.decoding_pool import DecodingPool
from serving.gateway.explainer import Explainer
from serving.gateway.intake import Intake
from serving.gateway.observability.metrics import Metrics
from serving.gateway.predictor import Predictor
from serving.gateway.principal import Principal
from serving.gateway.problems import UNAUTHENTICATED, ProblemError
from serving.gateway.samples import SampleTurn
from serving.gateway.served_models import ServedModels
from serving.gateway.settings import GatewaySettings
from serving.gateway.storage.store import Store
from serving.gateway.version_facts import VersionFacts
from serving.gateway.work_folders import WorkFolders


@dataclass(frozen=True)
class Gateway:
    """The gateway's parts, made once by `serving.gateway.app.create_app`."""

    settings: GatewaySettings
    clock: Callable[[], datetime]
    models: ServedModels
    facts: VersionFacts
    store: Store
    decoding: DecodingPool
    folders: WorkFolders
    intake: Intake
    predictor: Predictor
    explainer: Explainer
    samples: SampleTurn
    pseudonyms: Pseudonyms
    metrics: Metrics


def gateway_of(request: Request) -> Gateway:
    """Returns the parts of the application that a request is for."""
    gateway: Gateway = request.app.state.gateway
    return gateway


def principal_of(request: Request) -> Principal:
    """Returns who asks, as the authentication found it ahead of everything else.

    Raises:
        ProblemError: UNAUTHENTICATED, no authentication let anybody in.
    """
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        raise ProblemError(UNAUTHENTICATED, "nobody was let in", headers={"WWW-Authenticate": "Bearer"})
    return principal


def request_id_of(request: Request) -> str:
    """Returns the id of a request, which logs and errors name."""
    return str(getattr(request.state, "request_id", ""))


TheGateway = Annotated[Gateway, Depends(gateway_of)]
ThePrincipal = Annotated[Principal, Depends(principal_of)]
TheRequestId = Annotated[str, Depends(request_id_of)]
