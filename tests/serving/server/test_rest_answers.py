"""Tensors to JSON; expected values from util/json_tensor.cc's rules, worked by hand."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.server.errors import RequestError
from serving.server.rest_answers import write_predictions
from serving.tensors import string_array


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2, "0.2"), (1.0, "1.0"), (9e6, "9e+06"), (3e-5, "3e-05"), (1 / 3, "0.333333343"), (16777216.0, "16777216")],
)
def test_numbers_are_written_as_tensorflow_serving_writes_them(value, text):
    written = write_predictions({"y": np.array([value], np.float32)}, rows=False)
    assert written == f'{{"outputs": [{text if "." in text or "e" in text else text + ".0"}]}}'


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(width=32)))
def test_float32_round_trips(array):
    answer = json.loads(write_predictions({"y": array}, rows=False))["outputs"]
    np.testing.assert_array_equal(np.array(answer, np.float32).reshape(array.shape), array)


@given(hnp.arrays(np.float64, 3, elements=st.floats(allow_nan=False)))
def test_float64_round_trips(array):
    assert json.loads(write_predictions({"y": array}, rows=True))["predictions"] == array.tolist()


@given(st.lists(st.text(), min_size=1))
def test_texts_round_trip(texts):
    array = string_array([text.encode("utf-8", "replace") for text in texts])
    answer = json.loads(write_predictions({"y": array}, rows=False))["outputs"]
    assert answer == [value.decode() for value in array]


def test_outputs_by_name_or_alone():
    outputs = {"y": np.array([[1, 2]], np.int32), "flag": np.array([True])}
    assert json.loads(write_predictions(outputs, rows=True)) == {"predictions": [{"flag": True, "y": [1, 2]}]}
    assert json.loads(write_predictions(outputs, rows=False)) == {"outputs": {"flag": [True], "y": [[1, 2]]}}
    assert json.loads(write_predictions({"y": outputs["y"]}, rows=True)) == {"predictions": [[1, 2]]}


def test_bytes_are_base64_where_the_name_says_so():
    outputs = {"y_bytes": string_array([b"\xff"])}
    encoded = base64.b64encode(b"\xff").decode()
    assert json.loads(write_predictions(outputs, rows=False)) == {"outputs": [{"b64": encoded}]}


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({"y": np.float32(1)}, "Tensor name: y has no shape information"),
        ({"a": np.ones(1), "b": np.ones(2)}, "Tensor name: b has inconsistent batch size: 2 expecting: 1"),
        ({"y": np.ones(1, np.complex64)}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_outputs_that_have_no_json(outputs, says):
    with pytest.raises(RequestError, match=says):
        write_predictions({name: np.asarray(array) for name, array in outputs.items()}, rows=True)
