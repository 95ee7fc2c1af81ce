"""StressTest: how far the model's scores move when images change in ways that no disease does."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts

from components.artifacts import StressTest as StressTestArtifact
from components.stress_test.executor import Executor


class StressTestSpec(component_spec.ComponentSpec):
    """In: the model and the examples; out: what moved its scores."""

    PARAMETERS = {"code_digest": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"stress": component_spec.ChannelParameter(type=StressTestArtifact)}


class StressTest(base_component.BaseComponent):
    """Changes test images, scores them again, and probes what the network's features tell of the patient.

    It judges nothing and blesses nothing: a model is pushed, or not, whatever comes out.

    Args:
        model: the Trainer's.
        examples: DicomExampleGen's.
        code_digest: digest of the code that changes and compares, part of the cache key.

    Outputs: `stress`, which `components.stress_test.results.read_stress` reads.
    """

    SPEC_CLASS = StressTestSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, *, model: BaseChannel, examples: BaseChannel, code_digest: str) -> None:
        """Connects the component."""
        stress = Channel(type=StressTestArtifact)
        super().__init__(StressTestSpec(model=model, examples=examples, code_digest=code_digest, stress=stress))
