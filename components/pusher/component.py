"""Pusher: TFX's own, with an executor that publishes a version by one rename."""

from __future__ import annotations

from tfx.components.pusher import component
from tfx.dsl.components.base import executor_spec

from components.pusher.executor import Executor


class Pusher(component.Pusher):
    """TFX's Pusher. A version is the highest that exists plus one; servers never see half of it."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
