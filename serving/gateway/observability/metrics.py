"""What Prometheus scrapes. No label tells of a user, a patient or a case: all are names in code or settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serving.gateway.problems import ProblemError

_DURATIONS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The gateway's metrics, in a registry of their own.

    Example:
        >>> metrics = Metrics()
        >>> metrics.prediction("chest", 3, "predicted", ())
        >>> b'radflow_gateway_predictions_total{model="chest",outcome="predicted",version="3"} 1.0' in metrics.text()
        True
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.requests = self._counter("requests", "Requests that were answered.", "method", "route", "status")
        self.durations = self._histogram(
            "request_duration_seconds", "Seconds until an answer was sent.", "method", "route"
        )
        self.in_progress = self._gauge("requests_in_progress", "Requests that are being answered.")
        self.refused = self._counter("refused", "Requests that were not let in.", "status")
        self.decoding = self._gauge("decoding", "Requests that were admitted to decode; tasks that wait.", "what")
        self.predictions = self._counter("predictions", "Predictions by outcome.", "model", "version", "outcome")
        self.withheld = self._counter("withheld", "Reasons for which scores were withheld.", "code")
        self.model_server_durations = self._histogram(
            "model_server_duration_seconds", "Seconds of its answers.", "call"
        )
        self.model_server_errors = self._counter("model_server_errors", "Errors of the model server.", "problem")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"radflow_gateway_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"radflow_gateway_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"radflow_gateway_{name}", text, labels, registry=self.registry, buckets=_DURATIONS_S)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; `route` is its template."""
        known = method if method in METHODS else "OTHER"
        self.requests.labels(known, route, str(status)).inc()
        self.durations.labels(known, route).observe(seconds)

    def prediction(self, model: str, version: int | None, outcome: str, withheld: Iterable[str]) -> None:
        """Counts a prediction.

        Args:
            model: the configured name.
            version: that answered; None where none did.
            outcome: predicted, withheld or failed.
            withheld: codes of why.
        """
        self.predictions.labels(model, "none" if version is None else str(version), outcome).inc()
        for code in withheld:
            self.withheld.labels(code).inc()

    def watch_decoding(self, occupancy: Callable[[], tuple[int, int]]) -> None:
        """Asks, whenever it is scraped, how many requests were admitted, and how many tasks wait."""
        self.decoding.labels("admitted").set_function(lambda: occupancy()[0])
        self.decoding.labels("waiting").set_function(lambda: occupancy()[1])

    @contextmanager
    def model_server_call(self, call: str) -> Iterator[None]:
        """Measures a call of the model server, and counts its error by the problem that it is answered with."""
        with self.model_server_durations.labels(call).time():
            try:
                yield
            except ProblemError as error:
                self.model_server_errors.labels(error.kind.name).inc()
                raise

    def text(self) -> bytes:
        """Returns all of it in Prometheus' text format."""
        return generate_latest(self.registry)
