"""Runs TFX's executor of a step, between what Kubeflow's launcher gives and what that expects.

TFX's own entry point was written for Vertex AI. Run by open-source Kubeflow Pipelines it stops at URIs that it cannot
open, at inputs whose type the launcher leaves empty, and at the output `executor-logs` that newer ones add.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_entry
from tfx.orchestration.portable import outputs_utils
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import import_utils

from pipeline.kubeflow.found import FOUND_PREFIX, replaced
from pipeline.kubeflow.outputs import write_report
from pipeline.kubeflow.places import Places

_LOGS = "executor-logs"
"""An output that launchers add to every step, and fill themselves."""

Artifacts = dict[str, list[types.Artifact]]


@dataclass(frozen=True)
class Step:
    """What a step is given.

    Attributes:
        node: its name in the pipeline.
        executor: the dotted path of its executor's class.
        request: the launcher's message, with URIs as the launcher knows them.
        inputs_spec: the step's inputs as they were compiled.
        flags: arguments of Beam.
    """

    node: str
    executor: str
    request: pipeline_spec_pb2.ExecutorInput
    inputs_spec: pipeline_spec_pb2.ComponentInputsSpec
    flags: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The run's id: what stands before the step's name in the URIs of its outputs, else `run`.

        As a parameter it would be part of the cache's key, and no two runs would be alike.
        """
        for artifacts in self.request.outputs.artifacts.values():
            parts = artifacts.artifacts[0].uri.split("/")
            if self.node in parts[1:]:
                return parts[parts.index(self.node, 1) - 1]
        return "run"


def read_step(argv: Sequence[str]) -> Step:
    """Returns what a command line says, whose names are those of TFX's entry point, and `--node`."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--node", required=True)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    arguments, flags = parser.parse_known_args(argv)
    request = json_format.Parse(
        arguments.json_serialized_invocation_args, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True
    )
    inputs_spec = json_format.Parse(
        arguments.json_serialized_inputs_spec_args, pipeline_spec_pb2.ComponentInputsSpec(), ignore_unknown_fields=True
    )
    return Step(arguments.node, arguments.executor_class_path, request, inputs_spec, tuple(flags))


def run_step(step: Step, where: Places) -> None:
    """Runs the step's executor and writes what the launcher reads.

    Args:
        step: what the step is given; its message is changed.
        where: finds the files of artifacts.
    """
    run_id = step.run_id
    _localize(step, where)
    names: dict[int, str] = {}
    inputs: Artifacts = tfx_entry.parse_raw_artifact_dict(step.request.inputs.artifacts, names)
    outputs: Artifacts = tfx_entry.parse_raw_artifact_dict(step.request.outputs.artifacts, names)
    made = [artifact_utils.get_single_instance(artifacts) for artifacts in outputs.values()]
    for artifact in made:
        Path(artifact.uri).mkdir(parents=True, exist_ok=True)
    executor_class = import_utils.import_class_by_path(step.executor)
    executor = executor_class(_context(executor_class, step, run_id=run_id, where=where))
    executor.Do(inputs, outputs, _properties(step))
    outputs_utils.tag_output_artifacts_with_version(outputs)
    for blessing in made:
        if isinstance(blessing, standard_artifacts.ModelBlessing):
            # In Kubeflow's store an artifact is called by a text, and not by TFX's number.
            tfx_entry.refactor_model_blessing(blessing, names)
    _report(step, outputs, names=names, where=where)


def _localize(step: Step, where: Places) -> None:
    """Turns URIs into paths, gives inputs their types and names, and drops what the step did not declare."""
    request = step.request
    if _LOGS in request.outputs.artifacts:
        del request.outputs.artifacts[_LOGS]
    for name, artifacts in request.inputs.artifacts.items():
        for artifact in artifacts.artifacts:
            artifact.type.CopyFrom(step.inputs_spec.artifacts[name].artifact_type)
            artifact.name = artifact.name or artifact.uri  # what the blessing calls the model by
    for side in (request.inputs.artifacts, request.outputs.artifacts):
        for artifacts in side.values():
            for artifact in artifacts.artifacts:
                artifact.uri = where.path(artifact.uri)


def _properties(step: Step) -> dict[str, Any]:
    """Returns the execution properties, in which references are replaced by what the first step found."""
    given: dict[str, Any] = tfx_entry.parse_execution_properties(
        step.request.inputs.parameter_values, step.request.inputs.parameters, step.inputs_spec
    )
    found = {name[len(FOUND_PREFIX) :]: value for name, value in given.items() if name.startswith(FOUND_PREFIX)}
    return {
        name: replaced(value, found) if isinstance(value, str) else value
        for name, value in given.items()
        if not name.startswith(FOUND_PREFIX)
    }


def _context(executor_class: type, step: Step, *, run_id: str, where: Places) -> base_executor.BaseExecutor.Context:
    folder = Path(where.path(step.request.outputs.output_file)).parent
    flags: list[Any] = list(step.flags)
    scratch = str(folder / ".temp")
    if issubclass(executor_class, base_beam_executor.BaseBeamExecutor):
        return base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=flags, tmp_dir=scratch, unique_id=step.node, pipeline_run_id=run_id
        )
    return base_executor.BaseExecutor.Context(
        extra_flags=flags, tmp_dir=scratch, unique_id=step.node, pipeline_run_id=run_id
    )


def _report(step: Step, outputs: Artifacts, *, names: dict[int, str], where: Places) -> None:
    """Writes the outputs' properties where the launcher reads them, under the URIs that it knows."""
    report = pipeline_spec_pb2.ExecutorOutput()
    for name, artifacts in tfx_entry.translate_executor_output(outputs, names).items():
        for artifact in artifacts.artifacts:
            artifact.uri = where.uri(artifact.uri)
        report.artifacts[name].CopyFrom(artifacts)
    write_report(step.request, report)
