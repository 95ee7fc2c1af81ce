"""What the flags change in an answer; the rest is held in tests/serving/conformance."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, model_management_pb2, predict_pb2

from serving.server.answering import Answers
from serving.server.config import ModelConfig
from serving.server.errors import RequestError
from serving.server.metrics import Metrics
from serving.server.models import Models
from serving.server.served_model import Retries


@pytest.fixture(scope="module")
def models(toy_versions):
    models = Models([ModelConfig("toy", toy_versions)])
    models.poll()
    yield models
    models.close()


def predict_request():
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "toy"
    request.model_spec.signature_name = "row_sums"
    request.inputs["rows"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0]]))
    return request


@pytest.mark.parametrize("as_content", [False, True])
def test_numbers_stand_in_tensor_content_where_that_is_asked_for(models, as_content):
    tensor = Answers(models, Metrics(), as_content=as_content).predict(predict_request()).outputs["sums"]
    assert (len(tensor.float_val), len(tensor.tensor_content)) == ((0, 4) if as_content else (1, 0))
    assert tf.make_ndarray(tensor).tolist() == [3.0]


def test_a_method_name_is_checked_where_that_is_switched_on(models):
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "toy"
    request.model_spec.signature_name = "classify"
    request.input.example_list.examples.add().features.feature["mean"].float_list.value.append(0.5)
    assert len(Answers(models, Metrics()).classify(request).result.classifications) == 1
    with pytest.raises(RequestError, match=r"to be tensorflow/serving/classify\. Was: tensorflow/serving/pre"):
        Answers(models, Metrics(), method_name_check=True).classify(request)


def test_requests_are_counted_by_model_and_status(models):
    metrics = Metrics()
    answers = Answers(models, metrics)
    answers.predict(predict_request())
    request = predict_request()
    request.model_spec.signature_name = "none"
    with pytest.raises(RequestError):
        answers.predict(request)
    page = metrics.page()
    for status in ("OK", "FAILED_PRECONDITION"):
        assert f':tensorflow:serving:request_count{{model_name="toy",status="{status}"}} 1\n' in page
    assert ':tensorflow:serving:request_latency_count{model_name="toy",API="predict",entrypoint="GRPC"} 2\n' in page


def test_a_reload_waits_no_longer_than_its_caller(tmp_path):
    models = Models([], retries=Retries(5, 60.0))
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.config.add(name="new", base_path=str(tmp_path), model_platform="tensorflow")
    with pytest.raises(RequestError) as caught:
        Answers(models, Metrics()).reload(request, lambda: False)
    assert caught.value.code is grpc.StatusCode.CANCELLED
