"""Pusher: TFX's own, with an executor that publishes a version by one rename, and the evaluation as a further input."""

from __future__ import annotations

from typing import Any

from tfx.components.pusher import component
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts
from tfx.types.standard_component_specs import PusherSpec as TfxPusherSpec
from tfx.utils import json_utils

from components.pusher.executor import EVALUATION_KEY, Executor


class PusherSpec(TfxPusherSpec):
    """TFX's, and the Evaluator's results."""

    INPUTS = {
        **TfxPusherSpec.INPUTS,
        EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
    }


class Pusher(component.Pusher):
    """TFX's Pusher. A version is the highest that exists plus one; servers never see half of it.

    Args:
        model, model_blessing, infra_blessing, push_destination, custom_config: as TFX's.
        evaluation: the Evaluator's results, of which the version keeps what its users need.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: BaseChannel,
        push_destination: pusher_pb2.PushDestination,
        model_blessing: BaseChannel | None = None,
        infra_blessing: BaseChannel | None = None,
        evaluation: BaseChannel | None = None,
        custom_config: dict[str, Any] | None = None,
    ) -> None:
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            evaluation=evaluation,
            push_destination=push_destination,
            custom_config=json_utils.dumps(custom_config),
            pushed_model=Channel(type=standard_artifacts.PushedModel),
        )
        # TFX's own constructor would make its own specification, which has no evaluation.
        base_component.BaseComponent.__init__(self, spec=spec)
