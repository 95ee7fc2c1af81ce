"""Tuner: TFX's own, with an executor that keeps every trial."""

from __future__ import annotations

from tfx.components.tuner import component
from tfx.dsl.components.base import executor_spec

from components.tuner.executor import Executor


class Tuner(component.Tuner):
    """TFX's Tuner. `tuner_results` has every trial as JSON, CSV and SVG beside TFX's own file."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
