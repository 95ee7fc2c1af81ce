from __future__ import annotations

import threading

import grpc
import numpy as np
import pytest

from data_schemas.wire import example_pb2
from serving.server.errors import RequestError
from serving.server.servable import Servable
from serving.tensors import string_array


@pytest.fixture(scope="module")
def servable(toy_versions):
    servable = Servable.load(toy_versions / "1")
    yield servable
    servable.close()


def example(mean: float) -> bytes:
    message = example_pb2.Example()
    message.features.feature["mean"].float_list.value.append(mean)
    return message.SerializeToString()


def test_scores_are_computed_from_the_restored_variables(servable):
    outputs = servable.run("serving_default", {"inputs": string_array([example(2.0)])})
    np.testing.assert_allclose(outputs["raw_scores"], [[0.0, 2.0, 4.0]])
    assert outputs["classes"].dtype == object


def test_only_the_outputs_asked_for_are_given(servable):
    outputs = servable.run("serving_default", {"inputs": string_array([example(2.0)])}, outputs=["raw_scores"])
    assert list(outputs) == ["raw_scores"]


def test_the_signatures_are_the_models(servable):
    assert set(servable.signatures["explain"].inputs) == {"inputs", "label"}


def test_threads_get_their_own_answers(servable):
    answers: dict[int, float] = {}

    def ask(number: int) -> None:
        for _ in range(20):
            outputs = servable.run("serving_default", {"inputs": string_array([example(number)])})
            answers[number] = float(outputs["raw_scores"][0, 1])
            if answers[number] != number:
                return

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: number for number in range(8)}


@pytest.mark.parametrize(
    ("a", "code"),
    [
        (np.zeros((1, 3), np.float64), grpc.StatusCode.INVALID_ARGUMENT),
        (np.zeros(3, np.float32), grpc.StatusCode.INVALID_ARGUMENT),
        (np.zeros((1, 4), np.float32), grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=["dtype", "rank", "fixed dimension"],
)
def test_inputs_that_do_not_fit_are_refused_before_tensorflow_sees_them(servable, a, code):
    with pytest.raises(RequestError, match="input a") as caught:
        servable.run("two_inputs", {"a": a, "b": np.zeros(1, np.float32)})
    assert caught.value.code is code


def test_what_tensorflow_refuses_keeps_its_code(servable):
    inputs = {"inputs": string_array([example(1.0)]), "label": np.array([5], np.int64)}
    with pytest.raises(RequestError) as caught:
        servable.run("explain", inputs)  # there are three labels
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_folder_without_a_model_cannot_be_loaded(tmp_path):
    with pytest.raises(OSError, match="SavedModel"):
        Servable.load(tmp_path)
