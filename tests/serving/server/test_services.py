"""TensorFlow Serving's observable behaviour, held against a real server by TensorFlow Serving's own stubs."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def channel(toy_server):
    with grpc.insecure_channel(toy_server, [("grpc.max_send_message_length", -1)]) as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def model(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def example(mean=0.5, **extra):
    feature = {"mean": tf.train.Feature(float_list=tf.train.FloatList(value=[mean]))}
    feature |= {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for name, value in extra.items()}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def predict_request(signature="", *, name="toy", version=None, output_filter=(), **inputs):
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for alias, value in inputs.items():
        message = value if isinstance(value, tf.make_tensor_proto(0).__class__) else tf.make_tensor_proto(value)
        request.inputs[alias].CopyFrom(message)
    return request


def two_inputs(a=((1.0, 2.0, 3.0),), b=(4.0,), **more):
    tensors = {"a": tf.make_tensor_proto(a, tf.float32), "b": tf.make_tensor_proto(b, tf.float32)}
    return predict_request("two_inputs", **{**tensors, **more})


def status_of(method, request):
    """The status code and text that a call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=30)
    return caught.value.code(), caught.value.details()


# Predict


def test_predict_echoes_the_model_and_gives_the_scores_in_float_val(prediction):
    response = prediction.Predict(predict_request(inputs=[example(0.5)]))
    spec = response.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("toy", "serving_default", 2)
    exponentials = np.exp([0, 1.5, 3.0])  # offset 1 + mean 0.5, times 0, 1, 2
    np.testing.assert_allclose(response.outputs["scores"].float_val, exponentials / exponentials.sum(), rtol=1e-5)
    assert list(response.outputs["classes"].string_val) == [b"normal", b"nodule", b"cavity"]


def test_predict_on_a_version_that_is_served(prediction):
    response = prediction.Predict(predict_request(version=2, inputs=[example()]))
    assert response.model_spec.version.value == 2


def test_predict_sums_two_inputs(prediction):
    response = prediction.Predict(two_inputs())
    assert list(response.outputs["sum"].float_val) == [10.0]
    assert [dim.size for dim in response.outputs["a_twice"].tensor_shape.dim] == [1, 3]


def test_one_string_is_repeated_to_the_shape(prediction):
    tensor = tf.make_tensor_proto([example()])
    tensor.tensor_shape.dim[0].size = 3
    response = prediction.Predict(predict_request(inputs=tensor))
    assert tf.make_ndarray(response.outputs["scores"]).shape == (3, 3)


def test_a_request_of_many_megabytes_is_answered(prediction):
    response = prediction.Predict(predict_request(inputs=[example(image=bytes(16 << 20))]))
    assert len(response.outputs["scores"].float_val) == 3


def test_an_output_filter_gives_that_output_alone(prediction):
    response = prediction.Predict(predict_request(output_filter=["raw_scores"], inputs=[example()]))
    assert set(response.outputs) == {"raw_scores"}


def test_predict_without_model_spec(prediction):
    assert status_of(prediction.Predict, predict_pb2.PredictRequest()) == (INVALID_ARGUMENT, "Missing ModelSpec")


def test_predict_on_an_unknown_model(prediction):
    expected = (NOT_FOUND, "Servable not found for request: Latest(chest)")
    assert status_of(prediction.Predict, predict_request(name="chest")) == expected


@pytest.mark.parametrize("name", ["toy", "chest"])
def test_predict_on_an_unknown_version(prediction, name):
    expected = (NOT_FOUND, f"Servable not found for request: Specific({name}, 7)")
    assert status_of(prediction.Predict, predict_request(name=name, version=7)) == expected


def test_predict_with_an_unknown_label(prediction):
    request = predict_request(inputs=[example()])
    request.model_spec.version_label = "stable"
    expected = (INVALID_ARGUMENT, "Unrecognized servable version label: stable")
    assert status_of(prediction.Predict, request) == expected


def test_predict_with_an_unknown_signature(prediction):
    expected = (grpc.StatusCode.FAILED_PRECONDITION, 'Serving signature key "segment" not found.')
    assert status_of(prediction.Predict, predict_request("segment")) == expected


def test_predict_with_an_input_missing(prediction):
    request = two_inputs()
    del request.inputs["b"]
    assert status_of(prediction.Predict, request) == (
        INVALID_ARGUMENT,
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}.",
    )


def test_predict_with_an_input_too_many(prediction):
    code, text = status_of(prediction.Predict, two_inputs(c=[1.0]))
    assert code is INVALID_ARGUMENT
    assert text.startswith("input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}.")
    assert text.endswith(" Missing but required: {}.")


def test_predict_with_an_input_of_another_name(prediction):
    request = two_inputs(c=[1.0])
    del request.inputs["b"]
    code, text = status_of(prediction.Predict, request)
    assert code is INVALID_ARGUMENT
    assert text.startswith("input tensor alias not found in signature: c.")


def test_predict_with_a_wrong_dtype_names_both(prediction):
    code, text = status_of(prediction.Predict, two_inputs(b=tf.make_tensor_proto([4], tf.int64)))
    assert code is INVALID_ARGUMENT
    assert "float32" in text
    assert "int64" in text


@pytest.mark.parametrize("dtype", [tf.float32, tf.string], ids=["string for float", "float for string"])
def test_predict_with_strings_and_floats_exchanged(prediction, dtype):
    wrong = two_inputs(b=tf.make_tensor_proto(["4"])) if dtype is tf.float32 else predict_request(inputs=[4.0])
    code, text = status_of(prediction.Predict, wrong)
    assert code is INVALID_ARGUMENT
    assert "string" in text
    assert "float32" in text


def test_predict_with_a_corrupt_tensor(prediction):
    tensor = tf.make_tensor_proto([4.0], tf.float32)
    tensor.ClearField("float_val")
    tensor.tensor_content = b"123"
    assert status_of(prediction.Predict, two_inputs(b=tensor)) == (INVALID_ARGUMENT, "tensor parsing error: b")


@pytest.mark.parametrize(
    "a", [1.0, [1.0, 2.0, 3.0], [[[1.0, 2.0, 3.0]]], [[1.0, 2.0]]], ids=["scalar", "vector", "cube", "fixed dimension"]
)
def test_predict_with_a_wrong_shape_is_refused_and_the_server_goes_on(prediction, a):
    code, text = status_of(prediction.Predict, two_inputs(a=a))
    assert code is INVALID_ARGUMENT
    assert text.startswith("input a: its shape is ")
    assert list(prediction.Predict(two_inputs()).outputs["sum"].float_val) == [10.0]


def test_predict_with_an_unknown_output(prediction):
    request = two_inputs()
    request.output_filter.extend(["sum", "product"])
    assert status_of(prediction.Predict, request) == (
        INVALID_ARGUMENT,
        "output tensor alias not found in signature: product Outputs expected to be in the set {a_twice,sum}.",
    )


def test_predict_with_an_output_twice(prediction):
    request = two_inputs()
    request.output_filter.extend(["sum", "sum"])
    assert status_of(prediction.Predict, request) == (INVALID_ARGUMENT, "duplicate output tensor alias: sum")


def test_bytes_that_are_no_example_and_no_text_are_refused(prediction):
    code, text = status_of(prediction.Predict, predict_request(inputs=[b"\xff\xfe\x00"]))
    assert code is INVALID_ARGUMENT
    assert text.startswith("Could not parse example input")


def test_a_long_error_is_cut_after_1024_characters(prediction):
    _, text = status_of(prediction.Predict, predict_request("s" * 3000))
    assert text == 'Serving signature key "' + "s" * (1024 - 23) + "...TRUNCATED"


# GetModelMetadata


def metadata_request(*fields, name="toy"):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = name
    return request


def test_metadata_are_the_signatures(prediction):
    response = prediction.GetModelMetadata(metadata_request("signature_def"))
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert (response.model_spec.name, response.model_spec.version.value) == ("toy", 2)
    assert {"serving_default", "explain", "describe"} <= set(signatures.signature_def)
    assert signatures.signature_def["explain"].inputs["label"].dtype == tf.int64.as_datatype_enum


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get_model_metadata_pb2.GetModelMetadataRequest(), (INVALID_ARGUMENT, "Missing ModelSpec")),
        (
            metadata_request(),
            (INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"),
        ),
        (
            metadata_request("signature_def", "assets"),
            (INVALID_ARGUMENT, "Metadata field assets is not supported"),
        ),
        (
            metadata_request("signature_def", name="chest"),
            (NOT_FOUND, "Servable not found for request: Latest(chest)"),
        ),
    ],
    ids=["no spec", "no field", "other field", "unknown model"],
)
def test_metadata_that_are_refused(prediction, request_, expected):
    assert status_of(prediction.GetModelMetadata, request_) == expected


# GetModelStatus


def status_request(name="toy", version=None):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    return request


@pytest.mark.parametrize("version", [None, 2])
def test_status_of_what_is_served(model, version):
    (status,) = model.GetModelStatus(status_request(version=version)).model_version_status
    assert (status.version, status.state) == (2, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    assert (status.status.error_code, status.status.error_message) == (0, "")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get_model_status_pb2.GetModelStatusRequest(), (INVALID_ARGUMENT, "Missing ModelSpec")),
        (status_request("chest"), (NOT_FOUND, "Could not find any versions of model chest")),
        (status_request("toy", 7), (NOT_FOUND, "Could not find version 7 of model toy")),
    ],
    ids=["no spec", "unknown model", "unknown version"],
)
def test_status_that_is_refused(model, request_, expected):
    assert status_of(model.GetModelStatus, request_) == expected


# What this server does not have


def test_other_calls_are_unimplemented(prediction, model):
    classify = status_of(prediction.Classify, classification_pb2.ClassificationRequest())
    reload = status_of(model.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest())
    assert classify[0] is reload[0] is grpc.StatusCode.UNIMPLEMENTED
