"""What a version has to pass before it answers: its sums, the loader, its warm-up requests."""

from __future__ import annotations

import shutil

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from data_schemas.digests import write_digests
from serving.server.batching import BatchedServable, BatchScheduler
from serving.server.batching_parameters import BatchingParameters
from serving.server.config import ModelConfig
from serving.server.errors import RequestError
from serving.server.loading import Loader
from serving.server.metrics import Metrics
from serving.server.served_model import Retries, ServedModel, State
from serving.server.warm_up import warm_up

WARM_UP = "assets.extra/tf_serving_warmup_requests"


@pytest.fixture
def version(toy_versions, tmp_path):
    folder = tmp_path / "toy" / "1"
    shutil.copytree(toy_versions / "1", folder)
    return folder


def predict_log(signature="describe"):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "whatever"
    request.model_spec.signature_name = signature
    request.inputs["request"].CopyFrom(tf.make_tensor_proto([0], tf.int32))
    return log


def example_log(kind):
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, f"{kind}_log").request
    request.model_spec.signature_name = kind
    request.input.example_list.examples.add().features.feature["mean"].float_list.value.append(1.0)
    return log


def write_warm_up(version, *logs):
    path = version / WARM_UP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())


class Counting:
    """Notes which signatures are run."""

    def __init__(self, servable):
        self._servable = servable
        self.ran = []

    @property
    def signatures(self):
        return self._servable.signatures

    def signature(self, name):
        return self._servable.signature(name)

    def run(self, signature, inputs, *, outputs=None):
        self.ran.append(signature)
        return self._servable.run(signature, inputs, outputs=outputs)


@pytest.fixture(scope="module")
def toy(toy_versions):
    servable = Loader()(toy_versions / "1")
    yield servable
    servable.close()


def test_each_kind_of_record_is_run(toy, version):
    write_warm_up(version, predict_log(), example_log("classify"), example_log("regress"))
    counting = Counting(toy)
    assert warm_up(counting, version, iterations=2) == 3
    assert counting.ran == ["describe", "describe", "classify", "classify", "regress", "regress"]


def test_a_version_without_a_file_is_not_warmed_up(toy, version):
    assert warm_up(toy, version) == 0


def test_a_thousand_records_are_not_too_many(toy, version):
    write_warm_up(version, *[predict_log()] * 1000)
    assert warm_up(toy, version) == 1000


@pytest.mark.parametrize(
    ("logs", "code", "says"),
    [
        ([predict_log("none")], "FAILED_PRECONDITION", 'signature key "none" not found'),
        ([b"\xff"], "INVALID_ARGUMENT", "Failed to parse warmup record"),
        ([prediction_log_pb2.PredictionLog()], "UNIMPLEMENTED", "Unsupported log_type for warmup"),
        ([predict_log()] * 1001, "INVALID_ARGUMENT", r"exceeds the maximum \(1000\)"),
    ],
    ids=["refused", "broken", "empty", "too many"],
)
def test_a_record_that_cannot_be_run_fails_the_load(version, logs, code, says):
    write_warm_up(version, *logs)
    with pytest.raises(RequestError, match=says) as caught:
        Loader()(version)
    assert caught.value.code is grpc.StatusCode[code]


def test_a_file_that_is_no_tfrecord_fails_the_load(version):
    write_warm_up(version)
    (version / WARM_UP).write_bytes(b"no records" * 10)
    with pytest.raises(RequestError, match="Please verify your warmup data is in TFRecord format"):
        Loader()(version)


def test_warm_up_can_be_switched_off(version):
    write_warm_up(version, b"\xff")
    Loader(warm_up_iterations=0)(version).close()


def test_a_version_with_its_sums_is_loaded(version):
    write_digests(version)
    Loader()(version).close()


def test_an_altered_version_is_refused_and_loaded_once_it_is_put_right(version):
    write_digests(version)
    graph = (version / "fingerprint.pb").read_bytes()
    (version / "fingerprint.pb").write_bytes(graph + b"\0")
    now = [0.0]
    config = ModelConfig("toy", version.parent)
    model = ServedModel(config, Loader(), clock=lambda: now[0], retries=Retries(5, 60.0))
    model.poll()
    (status,) = model.statuses()
    assert (status.state, status.code) == (State.LOADING, grpc.StatusCode.DATA_LOSS.value[0])
    assert "toy/1 was altered: fingerprint.pb was changed" in status.message
    (version / "fingerprint.pb").write_bytes(graph)
    now[0] = 60.0
    model.poll()
    assert model.statuses()[0].state is State.AVAILABLE
    model.close()


def test_with_a_scheduler_a_version_answers_in_batches(version):
    scheduler = BatchScheduler(BatchingParameters(max_batch_size=2, threads=1))
    model = Loader(scheduler=scheduler)(version)
    assert isinstance(model, BatchedServable)
    assert model.run("row_sums", {"rows": np.ones((1, 2), np.float32)})["sums"].tolist() == [2.0]
    model.close()
    scheduler.close()


def test_loads_and_warm_ups_are_counted(version):
    metrics = Metrics()
    write_warm_up(version, predict_log())
    Loader(metrics=metrics)(version).close()
    write_warm_up(version, b"\xff")
    with pytest.raises(RequestError):
        Loader(metrics=metrics)(version)
    page = metrics.page()
    for status in ("success", "fail"):
        assert f':tensorflow:cc:saved_model:load_attempt_count{{model_path="{version}",status="{status}"}} 1' in page
    for status in ("OK", "INVALID_ARGUMENT"):
        name = ":tensorflow:serving:model_warmup_latency_count"
        assert f'{name}{{model_path="{version}",status="{status}"}} 1' in page


def test_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(OSError, match="SavedModel"):
        Loader()(tmp_path)
