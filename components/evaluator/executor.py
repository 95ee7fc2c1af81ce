"""Runs TFMA on what the models say of themselves, then writes the gates' verdicts and the blessing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from absl import logging
from pydantic import ValidationError
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import Artifact, artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils, path_utils, proto_utils

from components.evaluator.config import eval_config
from components.evaluator.judgement import CASES, JUDGEMENT, Judgement, unpacked
from components.evaluator.looks import earlier_looks, note_look
from components.evaluator.results import write_results
from data_schemas import features
from data_schemas.description import ModelDescription
from data_schemas.errors import ConfigurationError
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE, NO_CHAMPION, REASON, USABLE
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from evaluation.gate_results import Champion, Comparison, GateResult, missed_text

TASK_KEY = "task"
LEDGER_KEY = "looks_ledger"

Artifacts = dict[str, list[Artifact]]


class Executor(tfx_executor.Executor):
    """TFX's Evaluator, given an EvalConfig that holds the models' operating points."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Evaluates the candidate and, where it may be compared, the champion; blesses what no gate refuses.

        Raises:
            ConfigurationError: the candidate was trained for other labels than the task's.
        """
        task = task_from_json(exec_properties[TASK_KEY])
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        candidate = _description(model)
        if candidate.task.labels.names != task.labels.names:
            raise ConfigurationError(
                f"the model's labels are {', '.join(candidate.task.labels.names)}, the task's are "
                f"{', '.join(task.labels.names)}: train the model for this task"
            )
        champion, served = _champion(input_dict, task)
        patients = _patients(input_dict, json_utils.loads(exec_properties[specs.EXAMPLE_SPLITS_KEY]))
        ledger = Path(exec_properties[LEDGER_KEY])
        descriptions = {"": candidate} if served is None else {tfma.CANDIDATE_KEY: candidate, tfma.BASELINE_KEY: served}
        judgement = Judgement(
            task=exec_properties[TASK_KEY],
            descriptions={name: one.model_dump_json() for name, one in descriptions.items()},
            comparison=champion.comparison.value,
            reason=champion.reason,
            records=len(patients),
            looks=earlier_looks(ledger, patients=set(patients), model=model.uri),
        )
        config = proto_utils.proto_to_json(eval_config(judgement))
        inputs = {key: value for key, value in input_dict.items() if served or key != specs.BASELINE_MODEL_KEY}
        # TFMA calls a signature by position, which TensorFlow refuses, with the whole batch written out in the refusal,
        # before it tries again by name. Written short, that costs nothing; in full, as much as the prediction.
        with np.printoptions(threshold=1, edgeitems=1):
            super().Do(inputs, output_dict, {**exec_properties, specs.EVAL_CONFIG_KEY: config})
        note_look(ledger, patients=set(patients), model=model.uri)
        _keep(artifact_utils.get_single_uri(output_dict[specs.EVALUATION_KEY]))


def _patients(input_dict: Artifacts, splits: list[str]) -> list[str]:
    """Returns the patient of every record of the splits that are judged."""
    examples = artifact_utils.get_single_instance(input_dict[specs.EXAMPLES_KEY])
    found = []
    for split in splits:
        files = tf.io.gfile.glob(f"{artifact_utils.get_split_uri([examples], split)}/*")
        for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature[features.PATIENT]
            found.append(feature.bytes_list.value[0].decode())
    return found


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
    """Returns what differs between two tasks in what their records hold, and in what is judged of them.

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
        "unit": (served.unit, task.unit),
    }
    return [name for name, (before, now) in pairs.items() if before != now]


def _refused(reason: str) -> Champion:
    return Champion(Comparison.REFUSED, reason)


def _keep(evaluation_uri: str) -> None:
    """Writes beside TFMA's files what other steps read, and says which gates refuse."""
    entries = {
        entry.key.name: entry.value.bytes_value
        for metrics in tfma.load_metrics(evaluation_uri)
        for entry in metrics.metric_keys_and_values
        if entry.key.name in (JUDGEMENT, CASES)
    }
    judgement = json.loads(entries[JUDGEMENT])
    write_results(evaluation_uri, judgement=judgement, cases=unpacked(entries[CASES]))
    missed = missed_text([GateResult.from_json(gate) for gate in judgement["gates"]])
    if missed:
        logging.warning("%s", missed)
