"""Reads what Kubeflow's launcher gives a step of our own, and writes output parameters where it reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.places import places


def input_number(executor_input: str, artifact: str, name: str) -> float:
    """Returns a number that is noted with an input artifact; 0 where it is not.

    Args:
        executor_input: the launcher's message, as JSON.
        artifact: the input's name.
        name: of what is noted.
    """
    request = json_format.Parse(executor_input, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True)
    (found,) = request.inputs.artifacts[artifact].artifacts
    return found.metadata.fields[name].number_value


def write_parameters(executor_input: str, values: Mapping[str, str]) -> None:
    """Writes output parameters.

    Args:
        executor_input: the launcher's message, as JSON.
        values: texts by name.
    """
    request = json_format.Parse(executor_input, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True)
    report = pipeline_spec_pb2.ExecutorOutput()
    for name, value in values.items():
        report.parameter_values[name].string_value = value
    write_report(request, report)


def write_report(request: pipeline_spec_pb2.ExecutorInput, report: pipeline_spec_pb2.ExecutorOutput) -> None:
    """Writes what a step made where the launcher looks for it."""
    file = Path(places().path(request.outputs.output_file))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json_format.MessageToJson(report), encoding="utf-8")
