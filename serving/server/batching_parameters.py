"""The file of `--batching_parameters_file`: TensorFlow Serving's BatchingParameters in protobuf text format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_schemas.errors import ConfigurationError
from serving.server.text_files import new_message, parse_text

_FLAG = "--batching_parameters_file"


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are put together; the defaults are TensorFlow Serving's.

    Attributes:
        max_batch_size: rows in a batch, and in a request.
        timeout_s: seconds that a batch waits for more.
        max_enqueued_batches: batches of a signature that wait for a thread.
        threads: how many batches run at once.
        allowed_batch_sizes: a batch is filled up to the next of these sizes; none is no filling.
        split_large: a request of more rows than a batch is split rather than refused.
        max_execution_batch_size: rows in a batch where large requests are split.
    """

    max_batch_size: int = 1000
    timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    threads: int = os.cpu_count() or 1
    allowed_batch_sizes: tuple[int, ...] = ()
    split_large: bool = False
    max_execution_batch_size: int = 1000

    @property
    def rows(self) -> int:
        """The most rows that run at once."""
        return self.max_execution_batch_size if self.split_large else self.max_batch_size

    def padded(self, rows: int) -> int:
        """Returns how many rows a batch of `rows` rows is run with."""
        return min((size for size in self.allowed_batch_sizes if size >= rows), default=rows)


def read_batching_parameters(path: Path) -> BatchingParameters:
    """Returns what a file says, TensorFlow Serving's defaults where it says nothing.

    Raises:
        ConfigurationError: the file cannot be read, or its numbers contradict each other.
    """
    message = parse_text(path, new_message("BatchingParameters"), flag=_FLAG)
    defaults = BatchingParameters()
    most = _value(message, "max_batch_size", defaults.max_batch_size)
    parameters = BatchingParameters(
        max_batch_size=most,
        timeout_s=_value(message, "batch_timeout_micros", 0) / 1e6,
        max_enqueued_batches=_value(message, "max_enqueued_batches", defaults.max_enqueued_batches),
        threads=_value(message, "num_batch_threads", defaults.threads),
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        split_large=_value(message, "enable_large_batch_splitting", default=False),
        max_execution_batch_size=_value(message, "max_execution_batch_size", most),
    )
    _check(parameters, path)
    return parameters


def _value(message: Any, field: str, default: Any) -> Any:
    return getattr(message, field).value if message.HasField(field) else default


def _check(parameters: BatchingParameters, path: Path) -> None:
    problems = []
    positive = ("max_batch_size", "max_enqueued_batches", "threads", "max_execution_batch_size")
    problems += [f"{name} must be 1 or more" for name in positive if getattr(parameters, name) < 1]
    if parameters.timeout_s < 0:
        problems.append("batch_timeout_micros must be 0 or more")
    sizes = parameters.allowed_batch_sizes
    if any(after <= before for before, after in zip((0, *sizes), sizes, strict=False)):
        problems.append("allowed_batch_sizes must be positive and rise")
    if sizes and sizes[-1] != parameters.rows:
        name = "max_execution_batch_size" if parameters.split_large else "max_batch_size"
        problems.append(
            f"Last entry in allowed_batch_sizes must match {name}; "
            f"last entry was {sizes[-1]}; expected {parameters.rows}"
        )
    if problems:
        raise ConfigurationError(f"{_FLAG} {path}: {'; '.join(problems)}")
