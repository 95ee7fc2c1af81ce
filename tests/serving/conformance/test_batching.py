"""Requests in batches: every signature answers as without, and the limits of the parameters file hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf

SIGNATURES = {
    "serving_default": lambda example: {"inputs": [example(0.5), example(2.0)]},
    "classify": lambda example: {"inputs": [example(0.5), example(2.0)]},
    "explain": lambda example: {"inputs": [example(0.5)], "label": np.array([1])},
    "explain_integrated_gradients": lambda example: {"inputs": [example(0.5)], "label": np.array([1])},
    "calibrate": lambda _: {"raw_scores": np.array([[0.0, 1.0, 2.0]], np.float32)},
    "describe": lambda _: {"request": np.array([0], np.int32)},
    "two_inputs": lambda _: {"a": np.ones((3, 3), np.float32), "b": np.ones(3, np.float32)},
    "regress": lambda example: {"inputs": [example(0.5)]},
}


def arrays(response):
    return {name: tf.make_ndarray(tensor).tolist() for name, tensor in response.outputs.items()}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_every_signature_answers_as_without_batching(prediction, batching, predict_request, example, signature):
    request = predict_request(signature, **SIGNATURES[signature](example))
    assert arrays(batching.Predict(request)) == arrays(prediction.Predict(request))


def test_requests_at_once_get_their_own_rows(batching, predict_request, example):
    def ask(mean):
        response = batching.Predict(predict_request(inputs=[example(mean)], output_filter=["raw_scores"]), timeout=60)
        return tf.make_ndarray(response.outputs["raw_scores"])[0, 1]

    means = [float(number) for number in range(24)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, means)) == [mean + 1 for mean in means]  # the newest toy's offset is 1


def test_a_request_of_more_rows_than_a_batch(batching, predict_request, example, status_of):
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "Task size 5 is larger than maximum input batch size 4")
    assert status_of(batching.Predict, predict_request(inputs=[example()] * 5)) == expected


def test_a_full_queue(batching, predict_request):
    """One thread runs, two batches wait; who comes next is refused."""
    request = predict_request("slow", steps=np.full(4, 400, np.int32))
    calls = [batching.Predict.future(request, timeout=120) for _ in range(12)]
    codes = [(call.code(), call.details()) for call in calls]
    assert (
        grpc.StatusCode.UNAVAILABLE,
        "The batch scheduling queue to which this task was submitted is full",
    ) in codes
    assert codes.count((grpc.StatusCode.OK, "")) >= 3


def test_inputs_of_different_rows(batching, predict_request, status_of):
    request = predict_request("two_inputs", a=np.ones((2, 3), np.float32), b=np.ones(1, np.float32))
    code, text = status_of(batching.Predict, request)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "input tensors must have equal 0th-dimension size" in text


@pytest.mark.usefixtures("embedded_only")  # TensorFlow Serving fails a batch of different shapes
def test_requests_of_other_dimensions_are_batched_apart(batching, predict_request):
    def ask(width):
        request = predict_request("row_sums", rows=np.ones((1, width), np.float32))
        return tf.make_ndarray(batching.Predict(request, timeout=60).outputs["sums"]).tolist()

    widths = [1 + number % 3 for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, widths)) == [[float(width)] for width in widths]


@pytest.mark.usefixtures("embedded_only")  # TensorFlow Serving fails every request of the batch
def test_a_request_that_is_refused_fails_no_other(batching, predict_request, example):
    def ask(serialized):
        try:
            batching.Predict(predict_request(inputs=[serialized]), timeout=60)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    asked = [b"\xff" if number % 3 == 0 else example() for number in range(18)]
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(ask, asked))
    expected = {True: grpc.StatusCode.INVALID_ARGUMENT, False: grpc.StatusCode.OK}
    assert codes == [expected[serialized == b"\xff"] for serialized in asked]
