"""ServingCanary: serves the candidate as production would and compares what comes back with the Trainer's scores."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts

from components.serving_canary.executor import Executor


class ServingCanarySpec(component_spec.ComponentSpec):
    """In: model, its run and the examples; out: the InfraBlessing that Pusher reads."""

    PARAMETERS = {
        "rows": component_spec.ExecutionParameter(type=int),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)}


class ServingCanary(base_component.BaseComponent):
    """Blesses a model whose served scores equal the Trainer's.

    Args:
        model, model_run: the Trainer's outputs; the run holds the eval scores computed in process.
        examples: DicomExampleGen's examples.
        code_digest: digest of the server's code, part of the cache key.
        rows: how many eval examples are sent.

    Outputs: `blessing`, with the int property `blessed` and the string properties `reason`, `largest_difference` and
    `latency_p50_ms`.
    """

    SPEC_CLASS = ServingCanarySpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, *, model: BaseChannel, model_run: BaseChannel, examples: BaseChannel, code_digest: str, rows: int = 64
    ) -> None:
        spec = ServingCanarySpec(
            model=model,
            model_run=model_run,
            examples=examples,
            rows=rows,
            code_digest=code_digest,
            blessing=Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)
