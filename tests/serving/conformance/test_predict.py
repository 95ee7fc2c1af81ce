"""Predict: what is answered, and what is refused with which code and text."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def test_predict_echoes_the_model_and_gives_the_scores_in_float_val(prediction, predict_request, example):
    response = prediction.Predict(predict_request(inputs=[example(0.5)]))
    spec = response.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("toy", "serving_default", 2)
    exponentials = np.exp([0, 1.5, 3.0])  # offset 1 + mean 0.5, times 0, 1, 2
    np.testing.assert_allclose(response.outputs["scores"].float_val, exponentials / exponentials.sum(), rtol=1e-5)
    assert list(response.outputs["classes"].string_val) == [b"normal", b"nodule", b"cavity"]


def test_predict_on_a_version_that_is_served(prediction, predict_request, example):
    response = prediction.Predict(predict_request(version=2, inputs=[example()]))
    assert response.model_spec.version.value == 2


def test_predict_sums_two_inputs(prediction, two_inputs):
    response = prediction.Predict(two_inputs())
    assert list(response.outputs["sum"].float_val) == [10.0]
    assert [dim.size for dim in response.outputs["a_twice"].tensor_shape.dim] == [1, 3]


def test_one_string_is_repeated_to_the_shape(prediction, predict_request, example):
    tensor = tf.make_tensor_proto([example()])
    tensor.tensor_shape.dim[0].size = 3
    response = prediction.Predict(predict_request(inputs=tensor))
    assert tf.make_ndarray(response.outputs["scores"]).shape == (3, 3)


def test_a_request_of_many_megabytes_is_answered(prediction, predict_request, example):
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(16 << 20)]))
    padding = tf.train.Example(features=tf.train.Features(feature={"image": feature})).SerializeToString()
    response = prediction.Predict(predict_request(inputs=[example() + padding]))
    assert len(response.outputs["scores"].float_val) == 3


def test_an_output_filter_gives_that_output_alone(prediction, predict_request, example):
    response = prediction.Predict(predict_request(output_filter=["raw_scores"], inputs=[example()]))
    assert set(response.outputs) == {"raw_scores"}


def test_predict_without_model_spec(prediction, status_of):
    assert status_of(prediction.Predict, predict_pb2.PredictRequest()) == (INVALID_ARGUMENT, "Missing ModelSpec")


def test_predict_on_an_unknown_model(prediction, predict_request, status_of):
    expected = (NOT_FOUND, "Servable not found for request: Latest(chest)")
    assert status_of(prediction.Predict, predict_request(name="chest")) == expected


@pytest.mark.parametrize("name", ["toy", "chest"])
def test_predict_on_an_unknown_version(prediction, name, predict_request, status_of):
    expected = (NOT_FOUND, f"Servable not found for request: Specific({name}, 7)")
    assert status_of(prediction.Predict, predict_request(name=name, version=7)) == expected


def test_predict_with_an_unknown_label(prediction, predict_request, example, status_of):
    request = predict_request(inputs=[example()])
    request.model_spec.version_label = "latest"
    expected = (INVALID_ARGUMENT, "Unrecognized servable version label: latest")
    assert status_of(prediction.Predict, request) == expected


def test_predict_with_an_unknown_signature(prediction, predict_request, status_of):
    expected = (grpc.StatusCode.FAILED_PRECONDITION, 'Serving signature key "segment" not found.')
    assert status_of(prediction.Predict, predict_request("segment")) == expected


def test_predict_with_an_input_missing(prediction, two_inputs, status_of):
    request = two_inputs()
    del request.inputs["b"]
    assert status_of(prediction.Predict, request) == (
        INVALID_ARGUMENT,
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}.",
    )


def test_predict_with_an_input_too_many(prediction, two_inputs, status_of):
    code, text = status_of(prediction.Predict, two_inputs(c=[1.0]))
    assert code is INVALID_ARGUMENT
    assert text.startswith("input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}.")
    assert text.endswith(" Missing but required: {}.")


def test_predict_with_an_input_of_another_name(prediction, two_inputs, status_of):
    request = two_inputs(c=[1.0])
    del request.inputs["b"]
    code, text = status_of(prediction.Predict, request)
    assert code is INVALID_ARGUMENT
    assert text.startswith("input tensor alias not found in signature: c.")


def test_predict_with_a_wrong_dtype_names_both(prediction, two_inputs, status_of):
    code, text = status_of(prediction.Predict, two_inputs(b=tf.make_tensor_proto([4], tf.int64)))
    assert code is INVALID_ARGUMENT
    assert "float32" in text
    assert "int64" in text


@pytest.mark.parametrize("dtype", [tf.float32, tf.string], ids=["string for float", "float for string"])
def test_predict_with_strings_and_floats_exchanged(prediction, dtype, predict_request, two_inputs, status_of):
    wrong = two_inputs(b=tf.make_tensor_proto(["4"])) if dtype is tf.float32 else predict_request(inputs=[4.0])
    code, text = status_of(prediction.Predict, wrong)
    assert code is INVALID_ARGUMENT
    assert "string" in text
    assert "float32" in text


def test_predict_with_a_corrupt_tensor(prediction, two_inputs, status_of):
    tensor = tf.make_tensor_proto([4.0], tf.float32)
    tensor.ClearField("float_val")
    tensor.tensor_content = b"123"
    assert status_of(prediction.Predict, two_inputs(b=tensor)) == (INVALID_ARGUMENT, "tensor parsing error: b")


@pytest.mark.usefixtures("embedded_only")  # TensorFlow Serving's process can end
@pytest.mark.parametrize(
    "a", [1.0, [1.0, 2.0, 3.0], [[[1.0, 2.0, 3.0]]], [[1.0, 2.0]]], ids=["scalar", "vector", "cube", "fixed dimension"]
)
def test_predict_with_a_wrong_shape_is_refused_and_the_server_goes_on(prediction, a, two_inputs, status_of):
    code, text = status_of(prediction.Predict, two_inputs(a=a))
    assert code is INVALID_ARGUMENT
    assert text.startswith("input a: its shape is ")
    assert list(prediction.Predict(two_inputs()).outputs["sum"].float_val) == [10.0]


def test_predict_with_an_unknown_output(prediction, two_inputs, status_of):
    request = two_inputs()
    request.output_filter.extend(["sum", "product"])
    assert status_of(prediction.Predict, request) == (
        INVALID_ARGUMENT,
        "output tensor alias not found in signature: product Outputs expected to be in the set {a_twice,sum}.",
    )


def test_predict_with_an_output_twice(prediction, two_inputs, status_of):
    request = two_inputs()
    request.output_filter.extend(["sum", "sum"])
    assert status_of(prediction.Predict, request) == (INVALID_ARGUMENT, "duplicate output tensor alias: sum")


def test_bytes_that_are_no_example_and_no_text_are_refused(prediction, predict_request, status_of):
    code, text = status_of(prediction.Predict, predict_request(inputs=[b"\xff\xfe\x00"]))
    assert code is INVALID_ARGUMENT
    assert text.startswith("Could not parse example input")


def test_a_long_error_is_cut_after_1024_characters(prediction, predict_request, status_of):
    _, text = status_of(prediction.Predict, predict_request("s" * 3000))
    assert text == 'Serving signature key "' + "s" * (1024 - 23) + "...TRUNCATED"
