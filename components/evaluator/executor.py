"""Runs TFMA on what the models say of themselves, then writes the gates' verdicts and the blessing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from absl import logging
from pydantic import ValidationError
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import Artifact, artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import path_utils, proto_utils

from components.evaluator.config import eval_config
from components.evaluator.metrics import SUMMARY
from components.evaluator.results import write_results
from data_schemas import features
from data_schemas.description import ModelDescription
from data_schemas.errors import ConfigurationError
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE, NO_CHAMPION, REASON, USABLE
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from evaluation.gates import Champion, Comparison, GateResult, SliceKey, judge_gates, missed_text
from evaluation.summary import Summary

TASK_KEY = "task"

Artifacts = dict[str, list[Artifact]]


class Executor(tfx_executor.Executor):
    """TFX's Evaluator, given an EvalConfig that holds the models' operating points."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Evaluates the candidate and, where it may be compared, the champion; blesses what meets every gate.

        Raises:
            ConfigurationError: the candidate was trained for other labels than the task's.
        """
        task = task_from_json(exec_properties[TASK_KEY])
        candidate = _description(artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY]))
        if candidate.task.labels.names != task.labels.names:
            raise ConfigurationError(
                f"the model's labels are {', '.join(candidate.task.labels.names)}, the task's are "
                f"{', '.join(task.labels.names)}: train the model for this task"
            )
        champion, served = _champion(input_dict, task)
        compared = served is not None
        config = eval_config(
            task,
            operating_points=candidate.operating_points,
            champion_points=None if served is None else served.operating_points,
        )
        inputs = {key: value for key, value in input_dict.items() if compared or key != specs.BASELINE_MODEL_KEY}
        super().Do(inputs, output_dict, {**exec_properties, specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(config)})
        _conclude(task, champion, input_dict=input_dict, output_dict=output_dict)


def _description(model: Artifact) -> ModelDescription:
    """Returns what a model says of itself, from the file beside its signatures."""
    path = Path(path_utils.serving_model_path(model.uri)) / ASSETS / DESCRIPTION_FILE
    return ModelDescription.model_validate_json(path.read_text(encoding="utf-8"))


def _champion(input_dict: Artifacts, task: Task) -> tuple[Champion, ModelDescription | None]:
    """Returns whether what is served now can be compared with, and its description where it can.

    The Champion's verdict comes first; then it must describe itself, and be trained for records such as the task's.
    """
    artifacts = input_dict.get(specs.BASELINE_MODEL_KEY) or []
    if not artifacts:
        return Champion(Comparison.NO_CHAMPION), None
    champion = artifacts[0]
    if not champion.get_int_custom_property(USABLE):
        reason = champion.get_string_custom_property(REASON)
        kind = Comparison.NO_CHAMPION if reason == NO_CHAMPION else Comparison.REFUSED
        return Champion(kind, reason), None
    try:
        description = _description(champion)
    except (OSError, ValidationError) as error:
        return _refused(f"the champion's description cannot be read ({type(error).__name__})"), None
    differing = _differences(description.task, task)
    if differing:
        reason = (
            f"the champion was trained for records of another kind ({', '.join(differing)} differ); give the changed "
            "task another name, or remove the champion"
        )
        return _refused(reason), None
    return Champion(Comparison.COMPARED), description


def _differences(served: Task, task: Task) -> list[str]:
    """Returns what differs between two tasks in what their records hold.

    A champion that is shown pixels of a kind that it was not trained on looks worse than it is, and any candidate
    better. The input size and the normalization may differ: they are in each model's own graph.
    """
    pairs = {
        "labels": (served.labels, task.labels),
        "intensity": (served.intensity, task.intensity),
        "image.max_side": (served.image.max_side, task.image.max_side),
        "image.frame": (served.image.frame, task.image.frame),
        "image.crop": (served.image.crop, task.image.crop),
        "modalities": (served.modalities, task.modalities),
        "accepts_for_processing": (served.accepts_for_processing, task.accepts_for_processing),
    }
    return [name for name, (before, now) in pairs.items() if before != now]


def _refused(reason: str) -> Champion:
    return Champion(Comparison.REFUSED, reason)


def _conclude(task: Task, champion: Champion, *, input_dict: Artifacts, output_dict: Artifacts) -> None:
    """Judges the gates, writes the results, and settles the blessing."""
    evaluation_uri = artifact_utils.get_single_uri(output_dict[specs.EVALUATION_KEY])
    compared = champion.comparison is Comparison.COMPARED
    summaries = _by_slice_name(_summaries(evaluation_uri, model_name=tfma.CANDIDATE_KEY if compared else ""))
    if compared:
        served = _summaries(evaluation_uri, model_name=tfma.BASELINE_KEY)
        champion = Champion(Comparison.COMPARED, summary=served[()])
    gates = judge_gates(task.gates, task.labels, summaries=summaries, champion=champion)
    write_results(evaluation_uri, gates=gates, summaries=summaries, champion=champion.summary)
    if missed_text(gates):
        logging.warning("%s", missed_text(gates))
    _bless(gates, evaluation_uri, input_dict=input_dict, output_dict=output_dict)


def _summaries(evaluation_uri: str, *, model_name: str) -> dict[SliceKey, Summary]:
    """Returns a model's metrics by slice, as `CaseMetric` left them in TFMA's file."""
    found = {}
    for metrics in tfma.load_metrics(evaluation_uri):
        key = tuple((part.column, _slice_value(part)) for part in metrics.slice_key.single_slice_keys)
        for entry in metrics.metric_keys_and_values:
            if entry.key.name == SUMMARY and entry.key.model_name == model_name:
                found[key] = Summary.from_json(json.loads(entry.value.bytes_value))
    return found


def _slice_value(part: Any) -> str:
    value = getattr(part, part.WhichOneof("kind"))
    return value.decode() if isinstance(value, bytes) else str(value)


def _by_slice_name(summaries: dict[SliceKey, Summary]) -> dict[SliceKey, Summary]:
    """Names slices as the task does: by header feature or manifest column, not by feature of the example."""
    prefix = features.extra_column("")
    return {
        tuple(sorted((name.removeprefix(prefix), value) for name, value in key)): found
        for key, found in summaries.items()
    }


def _bless(gates: list[GateResult], evaluation_uri: str, *, input_dict: Artifacts, output_dict: Artifacts) -> None:
    """Blesses when every gate was met and TFMA's thresholds say the same.

    TFX's executor has blessed by TFMA's thresholds alone, which know nothing of a refused champion; and it does not
    bless at all where the only gates compare with a champion that does not exist yet.
    """
    blessing = artifact_utils.get_single_instance(output_dict[specs.BLESSING_KEY])
    model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
    validated = tfma.load_validation_result(evaluation_uri)
    passed = all(gate.passed for gate in gates) and (validated is None or validated.validation_ok)
    if all(gate.passed for gate in gates) and not passed:
        logging.error("TFMA's thresholds refuse the model although every gate was met: %s", validated)
    for name in (constants.BLESSED_FILE_NAME, constants.NOT_BLESSED_FILE_NAME):
        Path(blessing.uri, name).unlink(missing_ok=True)
    name = constants.BLESSED_FILE_NAME if passed else constants.NOT_BLESSED_FILE_NAME
    Path(blessing.uri, name).touch()
    value = constants.BLESSED_VALUE if passed else constants.NOT_BLESSED_VALUE
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
