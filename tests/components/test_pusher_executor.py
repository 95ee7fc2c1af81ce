"""The Pusher as TFX calls it: what a version has, what is said of it, and what happens without a blessing."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.evaluator.results import write_results
from components.pusher.executor import Executor
from data_schemas.digests import check_digests
from data_schemas.model_files import ALREADY_SERVED
from data_schemas.served_evaluation import read_served_evaluation
from serving.child_server import child_server
from serving.client import ModelClient
from tests.components.judged_records import judged_records
from tests.reports.sample_report import GATES, evaluation

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy with a description, as the Trainer lays it out."""
    folder = tmp_path_factory.mktemp("trainer")
    toy = runpy.run_path(str(Path(__file__).parents[1] / "serving" / "toy_model.py"))
    toy["export"](folder / "Format-Serving")
    (folder / "Format-Serving" / "assets.extra").mkdir()
    (folder / "Format-Serving" / "assets.extra" / "description.json").write_text(toy["describe"]())
    return folder


def _artifact(kind: Any, uri: Path, **properties: int) -> Any:
    artifact = kind()
    artifact.uri = str(uri)
    for name, value in properties.items():
        artifact.set_int_custom_property(name, value)
    return artifact


def _push(model: Path, folder: Path, *, blessed: int = 1) -> Any:
    judged = folder / "evaluation"
    judged.mkdir(exist_ok=True)
    judgement = {"evaluation": evaluation().to_json(), "gates": [one.to_json() for one in GATES]}
    write_results(str(judged), judgement=judgement, cases=judged_records().arrays())
    base = str(folder / "serving" / "synthetic_chest")
    destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=base))
    pushed = _artifact(standard_artifacts.PushedModel, folder / "pushed")
    inputs = {
        "model": [_artifact(standard_artifacts.Model, model)],
        "model_blessing": [_artifact(standard_artifacts.ModelBlessing, folder, blessed=blessed)],
        "infra_blessing": [_artifact(standard_artifacts.InfraBlessing, folder, blessed=1)],
        "evaluation": [_artifact(standard_artifacts.ModelEvaluation, judged)],
    }
    properties = {"push_destination": proto_utils.proto_to_json(destination), "custom_config": "null"}
    Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def test_a_blessed_model_becomes_a_version_with_evaluation_warm_up_and_sums(model: Path, tmp_path: Path) -> None:
    pushed = _push(model, tmp_path)
    version = tmp_path / "serving" / "synthetic_chest" / "1"
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert (pushed.get_int_custom_property("pushed"), pushed.get_int_custom_property(ALREADY_SERVED)) == (1, 0)
    assert check_digests(version)
    found = read_served_evaluation(version)
    assert found is not None and found.findings["nodule"].metrics["sensitivity"].value == 0.93
    assert (tmp_path / "serving" / "models.config").exists()
    assert _push(model, tmp_path).get_int_custom_property(ALREADY_SERVED) == 1


def test_warm_up_records_are_requests_that_the_served_model_answers(model: Path, tmp_path: Path) -> None:
    _push(model, tmp_path)
    version = tmp_path / "serving" / "synthetic_chest" / "1"
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    requests = [
        prediction_log_pb2.PredictionLog.FromString(one).predict_log.request for one in records.as_numpy_iterator()
    ]
    names = [(one.model_spec.name, one.model_spec.signature_name) for one in requests]
    assert names == [("synthetic_chest", "serving_default"), ("synthetic_chest", "explain")]
    assert [sorted(one.inputs) for one in requests] == [["inputs"], ["inputs", "label"]]
    with (
        child_server(version.parent, name="synthetic_chest") as address,
        ModelClient(address, "synthetic_chest") as client,
    ):
        for one in requests:
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in one.inputs.items()}
            assert client.call(one.model_spec.signature_name, inputs).outputs["scores"].shape == (1, 3)


def test_without_a_blessing_nothing_is_published_but_a_killed_push_is_mended(model: Path, tmp_path: Path) -> None:
    assert _push(model, tmp_path, blessed=0).get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()
    _push(model, tmp_path)
    config = tmp_path / "serving" / "models.config"
    before = config.read_bytes()
    config.unlink()
    _push(model, tmp_path, blessed=0)
    assert config.read_bytes() == before
