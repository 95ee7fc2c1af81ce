"""The models that the gateway is configured to ask: their versions, what they say of themselves, how they are asked."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from data_schemas.description import ModelDescription
from data_schemas.errors import ModelForeign, ModelServerAway, ModelServerError, ModelVersionUnknown
from data_schemas.task import Labels
from serving.client import ModelClient, Tls
from serving.gateway.breaker import CircuitBreaker, CircuitOpenError
from serving.gateway.observability.metrics import Metrics
from serving.gateway.problems import INVALID, MODEL_REFUSED, UNAVAILABLE, ProblemError
from serving.gateway.settings import GatewaySettings

T = TypeVar("T")

APPROVED = "approved"
"""The label of the version that somebody approved for use."""
_DESCRIBE_S = 5.0
"""Seconds for `describe`, which computes nothing: a page must not wait for a server that hangs."""


@dataclass(frozen=True)
class Current:
    """The version of a model that is to be asked now.

    Attributes:
        approved: whether the server has it under the label `approved`; else it is the newest.
    """

    version: int
    approved: bool
    description: ModelDescription


class ServedModel:
    """One model of the model server; may be used from many threads.

    Args:
        client: of the model.
        breaker: of the model server.
        metrics: count its calls.

    Attributes:
        last: what `current` returned last; None before it did.
    """

    def __init__(self, client: ModelClient, breaker: CircuitBreaker, metrics: Metrics) -> None:
        self._client, self._breaker, self._metrics = client, breaker, metrics
        self.last: Current | None = None

    @property
    def name(self) -> str:
        """The name that it is served under."""
        return self._client.model_name

    def current(self, request_id: str) -> Current:
        """Returns the approved version, or the newest where the server knows none under that label.

        Raises:
            ProblemError: UNAVAILABLE, the server is away or serves no version; MODEL_REFUSED.
        """
        describe = self._client.with_timeout(_DESCRIBE_S).with_request_id(request_id).describe_version
        with self._metrics.model_server_call("describe"), self._guarded():
            try:
                found = self._current(describe, approved=True)
            except ModelVersionUnknown:
                found = self._current(describe, approved=False)
        self.last = found
        return found

    def labels(self, request_id: str) -> Labels:
        """Returns the labels that were last told of, asking for them where none were yet.

        Raises:
            ProblemError: UNAVAILABLE or MODEL_REFUSED, as `current`.
        """
        return (self.last or self.current(request_id)).description.task.labels

    def ask(self, request_id: str, call: Callable[[ModelClient], T]) -> T:
        """Returns what a call of the client returns.

        Raises:
            ModelVersionUnknown: the version that was asked for is not served any more.
            ProblemError: UNAVAILABLE, the server is away; MODEL_REFUSED.
        """
        with self._metrics.model_server_call("ask"), self._guarded(passing=ModelVersionUnknown):
            return call(self._client.with_request_id(request_id))

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    @staticmethod
    def _current(describe: Callable[..., tuple[int, ModelDescription]], *, approved: bool) -> Current:
        version, description = describe(version_label=APPROVED if approved else None)
        return Current(version, approved, description)

    @contextlib.contextmanager
    def _guarded(self, passing: type[ModelServerError] | tuple[()] = ()) -> Iterator[None]:
        """Turns the client's errors into problems, but those that pass, and tells the breaker how it went."""
        try:
            self._breaker.enter()
            yield
        except CircuitOpenError as error:
            raise unavailable("the model server did not answer the last calls", error.retry_after_s) from error
        except ModelServerAway as error:
            self._breaker.failed()
            raise unavailable("the model server does not answer") from error
        except ModelVersionUnknown as error:
            self._breaker.succeeded()
            if isinstance(error, passing):
                raise
            raise unavailable(f"the model server serves no version of {self.name} now") from error
        except ModelForeign as error:
            self._breaker.succeeded()
            raise ProblemError(
                MODEL_REFUSED, f"{self.name} is no model that Radflow exported, or of another version of it"
            ) from error
        except ModelServerError as error:
            self._breaker.succeeded()
            raise ProblemError(
                MODEL_REFUSED, f"the model server refused what it was asked of {self.name}; its log may say why"
            ) from error
        except BaseException:
            self._breaker.succeeded()  # nothing that the server did
            raise
        self._breaker.succeeded()


class ServedModels:
    """All of them, by name, on one model server.

    Args:
        settings: the gateway's.
        metrics: count calls.

    Raises:
        ConfigurationError: a file for TLS cannot be read.
    """

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        tls = None
        if settings.model_server_ca is not None:
            tls = Tls(settings.model_server_ca, settings.model_server_key, settings.model_server_cert)
        breaker = CircuitBreaker()
        self._models = {
            name: ServedModel(
                ModelClient(settings.model_server, name, timeout_s=settings.predict_timeout_s, tls=tls),
                breaker,
                metrics,
            )
            for name in settings.models
        }

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    def named(self, name: str | None) -> ServedModel:
        """Returns a model by its name; the first one without.

        Raises:
            ProblemError: INVALID, the gateway is not configured to ask it.
        """
        if name is None:
            return next(iter(self))
        if name not in self._models:
            raise ProblemError(INVALID, f"there is no such model; there are {', '.join(self._models)}")
        return self._models[name]

    def close(self) -> None:
        """Closes the connections."""
        for model in self:
            model.close()


def unavailable(what: str, retry_after_s: float = 5.0) -> ProblemError:
    """Returns the problem of a model server that is away, which says when to try again."""
    seconds = max(1, math.ceil(retry_after_s))
    detail = f"{what}: images can be uploaded and looked at meanwhile; try again in {seconds} s"
    return ProblemError(UNAVAILABLE, detail, headers={"Retry-After": str(seconds)})
