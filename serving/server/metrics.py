"""What the server counts, under TensorFlow Serving's names, as Prometheus reads it.

TensorFlow's own names have slashes, which its exporter turns into colons (prometheus_exporter.cc):
`/tensorflow/serving/request_count` is `:tensorflow:serving:request_count`. prometheus_client would append `_total` to
the counters, so that a dashboard made for TensorFlow Serving would not find them; hence forty lines of our own.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

DEFAULT_PATH = "/monitoring/prometheus/metrics"
_LATENCY_US = tuple(10 * 1.8**power for power in range(32))
_QUEUE_US = tuple(100 * 1.2**power for power in range(51))
_EXAMPLES = tuple(float(2**power) for power in range(14))


@dataclass
class Counter:
    """A number that only rises, one for each combination of label values."""

    name: str
    labels: tuple[str, ...]
    _values: dict[tuple[str, ...], float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *labels: str, by: float = 1) -> None:
        """Adds to the number of these label values."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + by

    def lines(self) -> Iterator[str]:
        """Gives the counter in Prometheus' text format."""
        yield f"# TYPE {self.name} counter"
        with self._lock:
            values = sorted(self._values.items())
        for labels, value in values:
            yield f"{self.name}{{{_pairs(self.labels, labels)}}} {value:g}"


@dataclass
class Histogram:
    """How often values fell below each of some bounds, for each combination of label values."""

    name: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    _counts: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    _sums: dict[tuple[str, ...], float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, value: float, *labels: str) -> None:
        """Counts one value."""
        with self._lock:
            counts = self._counts.setdefault(labels, [0] * (len(self.bounds) + 1))
            counts[bisect.bisect_left(self.bounds, value)] += 1
            self._sums[labels] = self._sums.get(labels, 0.0) + value

    def lines(self) -> Iterator[str]:
        """Gives the histogram in Prometheus' text format."""
        yield f"# TYPE {self.name} histogram"
        with self._lock:
            values = sorted((labels, list(counts), self._sums[labels]) for labels, counts in self._counts.items())
        for labels, counts, total in values:
            pairs = _pairs(self.labels, labels)
            below = 0
            for bound, count in zip((*(f"{bound:g}" for bound in self.bounds), "+Inf"), counts, strict=True):
                below += count
                yield f'{self.name}_bucket{{{pairs},le="{bound}"}} {below}'
            yield f"{self.name}_sum{{{pairs}}} {total:g}"
            yield f"{self.name}_count{{{pairs}}} {below}"


class Metrics:
    """The server's counters and histograms; times are in microseconds, as TensorFlow Serving's."""

    def __init__(self) -> None:
        serving = ":tensorflow:serving:"
        self.requests = Counter(f"{serving}request_count", ("model_name", "status"))
        self.request_latency = Histogram(f"{serving}request_latency", ("model_name", "API", "entrypoint"), _LATENCY_US)
        self.runtime_latency = Histogram(f"{serving}runtime_latency", ("model_name", "API", "runtime"), _LATENCY_US)
        self.examples = Histogram(f"{serving}request_example_counts", ("model",), _EXAMPLES)
        self.examples_total = Counter(f"{serving}request_example_count_total", ("model",))
        self.warm_up_latency = Histogram(f"{serving}model_warmup_latency", ("model_path", "status"), _LATENCY_US)
        self.queueing_latency = Histogram(
            f"{serving}batching_session:queuing_latency", ("thread_pool_name",), _QUEUE_US
        )
        self.load_attempts = Counter(":tensorflow:cc:saved_model:load_attempt_count", ("model_path", "status"))
        self.load_latency = Counter(":tensorflow:cc:saved_model:load_latency", ("model_path",))

    def page(self) -> str:
        """Returns everything in Prometheus' text format."""
        return "".join(f"{line}\n" for metric in vars(self).values() for line in metric.lines())


def _pairs(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
