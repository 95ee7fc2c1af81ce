"""Classify, Regress and MultiInference."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
SOFTMAX = np.exp([0.0, 1.5, 3.0]) / np.exp([0.0, 1.5, 3.0]).sum()  # offset 1 + mean 0.5, times 0, 1, 2


def filled(request, examples, *, signature, name="toy", context=None):
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    target = request.input.example_list
    if context is not None:
        target = request.input.example_list_with_context
        target.context.ParseFromString(context)
    for serialized in examples:
        target.examples.add().ParseFromString(serialized)
    return request


def classification(examples, signature="classify", **more):
    return filled(classification_pb2.ClassificationRequest(), examples, signature=signature, **more)


def regression(examples, signature="regress", **more):
    return filled(regression_pb2.RegressionRequest(), examples, signature=signature, **more)


def test_classify_gives_the_classes_and_scores_of_each_example(prediction, example):
    response = prediction.Classify(classification([example(0.5), example(-1.0)]))
    spec = response.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("toy", "classify", 2)
    first, second = response.result.classifications
    assert [one.label for one in first.classes] == ["normal", "nodule", "cavity"]
    np.testing.assert_allclose([one.score for one in first.classes], SOFTMAX, rtol=1e-5)
    np.testing.assert_allclose([one.score for one in second.classes], [1 / 3] * 3, rtol=1e-5)


def test_regress_gives_a_number_for_each_example(prediction, example):
    response = prediction.Regress(regression([example(0.5), example(-2.0)]))
    assert [one.value for one in response.result.regressions] == [1.5, -1.0]
    assert response.model_spec.version.value == 2


def test_a_shared_context_is_merged_into_each_example(prediction, example):
    empty = tf.train.Example().SerializeToString()
    response = prediction.Regress(regression([empty, empty], context=example(3.0)))
    assert [one.value for one in response.result.regressions] == [4.0, 4.0]


@pytest.mark.parametrize(("method", "make"), [("Classify", classification), ("Regress", regression)])
def test_an_unknown_signature(prediction, status_of, example, method, make):
    expected = (INVALID_ARGUMENT, "No signature was found with the name: segment")
    assert status_of(getattr(prediction, method), make([example()], "segment")) == expected


@pytest.mark.parametrize(("method", "make"), [("Classify", classification), ("Regress", regression)])
def test_no_examples(prediction, status_of, method, make):
    assert status_of(getattr(prediction, method), make([])) == (INVALID_ARGUMENT, "Input is empty.")


@pytest.mark.parametrize(("method", "make"), [("Classify", classification), ("Regress", regression)])
def test_an_unknown_model(prediction, status_of, example, method, make):
    expected = (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(chest)")
    assert status_of(getattr(prediction, method), make([example()], name="chest")) == expected


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("Classify", classification_pb2.ClassificationRequest()),
        ("Regress", regression_pb2.RegressionRequest()),
    ],
)
def test_no_model_spec(prediction, status_of, method, request_):
    assert status_of(getattr(prediction, method), request_) == (INVALID_ARGUMENT, "Missing ModelSpec")


def test_classify_on_a_signature_of_more_outputs(prediction, status_of, example):
    code, text = status_of(prediction.Classify, classification([example()], ""))
    assert code is INVALID_ARGUMENT
    assert text.startswith("Expected one or two output Tensors, found ")


@pytest.mark.parametrize(("method", "make"), [("Classify", classification), ("Regress", regression)])
def test_a_signature_of_two_inputs(prediction, status_of, example, method, make):
    expected = (INVALID_ARGUMENT, "Expected one input Tensor.")
    assert status_of(getattr(prediction, method), make([example()], "two_inputs")) == expected


@pytest.mark.parametrize(("method", "make"), [("Classify", classification), ("Regress", regression)])
def test_a_signature_without_the_input_inputs(prediction, status_of, example, method, make):
    code, text = status_of(getattr(prediction, method), make([example()], "describe"))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert " inputs found in SignatureDef: " in text


def multi_inference(examples, *tasks, name="toy"):
    request = inference_pb2.MultiInferenceRequest()
    for signature, method in tasks:
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name = name
        task.model_spec.signature_name = signature
    for serialized in examples:
        request.input.example_list.examples.add().ParseFromString(serialized)
    return request


@pytest.mark.usefixtures("embedded_only")  # TensorFlow Serving wants one input tensor; a TF2 export has one a signature
def test_multi_inference_answers_each_task(prediction, example):
    response = prediction.MultiInference(
        multi_inference([example(0.5)], ("classify", "classify"), ("regress", "regress"))
    )
    classified, regressed = response.results
    scores = [one.score for one in classified.classification_result.classifications[0].classes]
    np.testing.assert_allclose(scores, SOFTMAX, rtol=1e-5)
    assert regressed.regression_result.regressions[0].value == 1.5
    assert [result.model_spec.signature_name for result in response.results] == ["classify", "regress"]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (
            [("classify", "classify"), ("classify", "classify")],
            (INVALID_ARGUMENT, "Duplicate evaluation of signature: classify"),
        ),
        (
            [("classify", "predict")],
            (grpc.StatusCode.UNIMPLEMENTED, "Unsupported signature method_name: tensorflow/serving/predict"),
        ),
    ],
    ids=["twice", "method"],
)
def test_multi_inference_that_is_refused(prediction, status_of, example, tasks, expected):
    assert status_of(prediction.MultiInference, multi_inference([example()], *tasks)) == expected
