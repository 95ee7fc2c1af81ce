"""From a version folder to a version that answers: its digests, the SavedModel, batching, warm-up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from data_schemas.errors import ModelAltered
from serving.server.batching import BatchedServable, BatchScheduler
from serving.server.errors import RequestError
from serving.server.metrics import Metrics
from serving.server.servable import LoadedModel, Servable
from serving.server.warm_up import warm_up


@dataclass(frozen=True)
class Loader:
    """Loads versions.

    Attributes:
        config: a `tf.compat.v1.ConfigProto`, or None for TensorFlow's own with a GPU's memory taken as needed.
        tags: of the meta graph in a SavedModel.
        scheduler: runs requests in batches, or None.
        warm_up_iterations: how often each warm-up request is run; 0 is no warm-up.
        metrics: what loads are counted in.
    """

    config: Any = None
    tags: tuple[str, ...] = ("serve",)
    scheduler: BatchScheduler | None = None
    warm_up_iterations: int = 1
    metrics: Metrics | None = None

    def __call__(self, version_dir: Path, /) -> LoadedModel:
        """Returns the version of a folder, ready to answer.

        Raises:
            RequestError: DATA_LOSS, the version's files are not those that its SHA256SUMS lists; or its warm-up failed.
            Exception: whatever TensorFlow raises for what it cannot load.
        """
        started = time.monotonic()
        try:
            model = self._load(version_dir)
        except Exception:
            self._count(version_dir, "fail", started)
            raise
        self._count(version_dir, "success", started)
        return model

    def _load(self, version_dir: Path) -> LoadedModel:
        _check_digests(version_dir)
        servable = Servable.load(version_dir, config=self.config, tags=self.tags)
        model: LoadedModel = BatchedServable(servable, self.scheduler) if self.scheduler else servable
        try:
            self._warm_up(model, version_dir)
        except BaseException:
            model.close()
            raise
        return model

    def _warm_up(self, model: LoadedModel, version_dir: Path) -> None:
        if not self.warm_up_iterations:
            return
        started, status, records = time.monotonic(), "OK", 0
        try:
            records = warm_up(model, version_dir, iterations=self.warm_up_iterations)
        except RequestError as error:
            records, status = 1, error.code.name
            raise
        finally:
            if self.metrics and records:
                self.metrics.warm_up_latency.observe((time.monotonic() - started) * 1e6, str(version_dir), status)

    def _count(self, version_dir: Path, status: str, started: float) -> None:
        if self.metrics:
            self.metrics.load_attempts.add(str(version_dir), status)
            self.metrics.load_latency.add(str(version_dir), by=(time.monotonic() - started) * 1e6)


def _check_digests(version_dir: Path) -> None:
    from data_schemas.digests import check_digests

    try:
        check_digests(version_dir)
    except ModelAltered as error:
        raise RequestError(grpc.StatusCode.DATA_LOSS, str(error)) from error
