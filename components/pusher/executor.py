"""Publishes a blessed model with what the people and the servers that use it need: evaluation, warm-up, sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.pusher.evaluation import served_evaluation
from components.pusher.publish import push
from components.pusher.warm_up import warm_up_records
from data_schemas.approvals import only_writer
from data_schemas.description import ModelDescription
from data_schemas.model_files import (
    ALREADY_SERVED,
    ASSETS,
    DESCRIPTION_FILE,
    EVALUATION_FILE,
    MODEL_DIGEST,
    WARM_UP_FILE,
)
from data_schemas.models_config import write_models_config
from data_schemas.served_folder import model_digest, newest_version

EVALUATION_KEY = "evaluation"


class Executor(executor.Executor):
    """Executor of Pusher."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes the model if the Evaluator and the canary blessed it."""
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        destination = proto_utils.json_to_proto(exec_properties["push_destination"], pusher_pb2.PushDestination())
        folder = Path(destination.filesystem.base_directory)
        if not self.CheckBlessing(input_dict):
            _mend(folder.parent)
            self._MarkNotPushed(pushed)
            return
        before = newest_version(folder)
        model = Path(self.GetModelPath(input_dict))
        version = push(model, folder, _added(model, input_dict.get(EVALUATION_KEY, [])))
        pushed.set_int_custom_property(ALREADY_SERVED, int(version == before))
        pushed.set_string_custom_property(MODEL_DIGEST, model_digest(version))
        self._MarkPushed(pushed, pushed_destination=str(version), pushed_version=version.name)


def _added(model: Path, evaluations: list[types.Artifact]) -> dict[str, bytes]:
    """Returns what a version has beside the model, by name in `assets.extra`."""
    description = ModelDescription.model_validate_json((model / ASSETS / DESCRIPTION_FILE).read_bytes())
    added = {WARM_UP_FILE: warm_up_records(description.task)}
    for evaluation in evaluations:
        text = served_evaluation(evaluation.uri, description).model_dump_json(indent=1)
        added[EVALUATION_FILE] = text.encode()
    return added


def _mend(serving_root: Path) -> None:
    """Writes `models.config` anew, should a push have been killed just before."""
    if serving_root.is_dir():
        with only_writer(serving_root):
            write_models_config(serving_root)
