"""JSON to tensors and back; expected values from util/json_tensor.cc's rules, worked by hand."""

from __future__ import annotations

import base64
import contextlib
import json
import math

import grpc
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import input_pb2

from serving.server import rest_json
from serving.server.errors import RequestError
from serving.tensors import string_array


def types(**dtypes):
    return {name: meta_graph_pb2.TensorInfo(dtype=dtype.as_datatype_enum) for name, dtype in dtypes.items()}


def arrays(document, **dtypes):
    return {name: array.tolist() for name, array in rest_json.predict_inputs(document, types(**dtypes)).arrays.items()}


def refused(document, **dtypes):
    with pytest.raises(RequestError) as caught:
        rest_json.predict_inputs(document, types(**dtypes))
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (tf.float32, 0.5),
        (tf.float64, 1e300),
        (tf.int32, -5),
        (tf.int64, 2**63 - 1),
        (tf.uint8, 255),
        (tf.uint32, 2**32 - 1),
        (tf.uint64, 2**64 - 1),
        (tf.bool, True),
    ],
)
def test_values_of_every_type(dtype, value):
    assert arrays({"inputs": [[value]]}, x=dtype) == {"x": [[value]]}


@pytest.mark.parametrize(
    ("dtype", "value", "says"),
    [
        (tf.float32, "a", "Type: String is not of expected type: float"),
        (tf.float32, True, "Type: Bool is not of expected type: float"),
        (tf.float32, None, "Type: Null is not of expected type: float"),
        (tf.float32, 2**24, "Cannot convert JSON value: 16777216 to float without loss of precision."),
        (tf.float32, 1e39, "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        (tf.float64, 2**53, "to double without loss of precision."),
        (tf.int32, 1.0, "Type: Number is not of expected type: int32"),
        (tf.int32, 2**31, "is not of expected type: int32"),
        (tf.uint8, -1, "is not of expected type: uint8"),
        (tf.bool, 1, "is not of expected type: bool"),
        (tf.string, 1, "is not of expected type: string"),
        (tf.string, {"b": "x"}, "not formatted correctly for base64 data"),
    ],
)
def test_values_that_do_not_fit(dtype, value, says):
    code, message = refused({"instances": [{"x": value}]}, x=dtype)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert says in message


def test_a_type_without_json():
    assert refused({"inputs": [1]}, x=tf.complex64)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_texts_and_bytes():
    document = {"inputs": ["é", {"b64": "/w=="}, {"b64": "/w"}]}
    assert arrays(document, x=tf.string) == {"x": ["é".encode(), b"\xff", b"\xff"]}


def test_instances_stack_to_rows():
    assert arrays({"instances": [[1.0, 2.0], [3.0, 4.0]]}, x=tf.float32) == {"x": [[1.0, 2.0], [3.0, 4.0]]}
    document = {"instances": [{"a": 1, "b": [True]}, {"a": 2, "b": [False]}]}
    assert arrays(document, a=tf.int64, b=tf.bool) == {"a": [1, 2], "b": [[True], [False]]}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"instances": [[1.0], [1.0, 2.0]]}, "Expecting tensor size: 1 but got: 2"),
        ({"instances": [[[1.0, 2.0]], [[1.0], [2.0]]]}, "Expecting shape [1,2] but got: [2,1]"),
        ({"instances": [[1.0, [2.0]]]}, "Encountered list at unexpected level: 1 expected < 1"),
        ({"instances": [[[1.0], 2.0]]}, "found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ({"instances": [{"x": 1.0}, 2.0]}, "Expecting object but got list at item 1 of input list"),
        ({"instances": [1.0, {"x": 2.0}]}, "Expecting value/list but got object at item 1 of input list"),
        ({"instances": [{"y": 1.0}]}, "Failed to process element: 0 key: y of 'instances' list."),
        ({"inputs": {"y": 1.0}}, "Missing named input: x in 'inputs' object."),
    ],
)
def test_shapes_that_do_not_fit(document, says):
    assert says in refused(document, x=tf.float32)[1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_any_json_is_read_or_refused(value):
    body = json.dumps({"instances": value}).encode()
    with contextlib.suppress(RequestError):
        rest_json.predict_inputs(rest_json.parse(body), types(a=tf.float32))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(RequestError):
        rest_json.parse(body)


def test_a_document_nested_too_deeply_is_refused():
    with pytest.raises(RequestError, match="JSON Parse error"):
        rest_json.parse(b'{"instances": ' + b"[" * 200_000)


def test_an_error_quotes_no_text_of_the_request():
    assert "Miller" not in refused({"instances": [{"x": "Miller"}]}, x=tf.float32)[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2, "0.2"), (1.0, "1.0"), (9e6, "9e+06"), (3e-5, "3e-05"), (1 / 3, "0.333333343"), (16777216.0, "16777216")],
)
def test_numbers_are_written_as_tensorflow_serving_writes_them(value, text):
    written = rest_json.write_predictions({"y": np.array([value], np.float32)}, rows=False)
    assert written == f'{{"outputs": [{text if "." in text or "e" in text else text + ".0"}]}}'


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(width=32)))
def test_float32_round_trips(array):
    answer = json.loads(rest_json.write_predictions({"y": array}, rows=False))["outputs"]
    np.testing.assert_array_equal(np.array(answer, np.float32).reshape(array.shape), array)


@given(hnp.arrays(np.float64, 3, elements=st.floats(allow_nan=False)))
def test_float64_round_trips(array):
    assert json.loads(rest_json.write_predictions({"y": array}, rows=True))["predictions"] == array.tolist()


@given(st.lists(st.text(), min_size=1))
def test_texts_round_trip(texts):
    array = string_array([text.encode("utf-8", "replace") for text in texts])
    answer = json.loads(rest_json.write_predictions({"y": array}, rows=False))["outputs"]
    assert answer == [value.decode() for value in array]


def test_outputs_by_name_or_alone():
    outputs = {"y": np.array([[1, 2]], np.int32), "flag": np.array([True])}
    assert json.loads(rest_json.write_predictions(outputs, rows=True)) == {"predictions": [{"flag": True, "y": [1, 2]}]}
    assert json.loads(rest_json.write_predictions(outputs, rows=False)) == {"outputs": {"flag": [True], "y": [[1, 2]]}}
    assert json.loads(rest_json.write_predictions({"y": outputs["y"]}, rows=True)) == {"predictions": [[1, 2]]}


def test_bytes_are_base64_where_the_name_says_so():
    outputs = {"y_bytes": string_array([b"\xff"])}
    encoded = base64.b64encode(b"\xff").decode()
    assert json.loads(rest_json.write_predictions(outputs, rows=False)) == {"outputs": [{"b64": encoded}]}


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
        rest_json.write_predictions({name: np.asarray(array) for name, array in outputs.items()}, rows=True)


def filled(document):
    message = input_pb2.Input()
    rest_json.fill_examples(document, message)
    return message


def test_examples_from_json():
    example = {"f": 0.5, "i": [1, 2], "t": "é", "b": {"b64": "/w=="}, "flag": [True]}
    (made,) = filled({"examples": [example]}).example_list.examples
    feature = made.features.feature
    assert list(feature["f"].float_list.value) == [0.5]
    assert list(feature["i"].int64_list.value) == [1, 2]
    assert list(feature["t"].bytes_list.value) == ["é".encode()]
    assert list(feature["b"].bytes_list.value) == [b"\xff"]
    assert list(feature["flag"].int64_list.value) == [1]


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        (None, "Feature: x has element with unexpected JSON type: Null"),
        ([[1]], "Feature: x has element with unexpected JSON type: Array"),
        ({"b": 1}, "Feature: x has element with unexpected JSON type: Object"),
        ([1, 1.5], "Unexpected element type in feature: x expecting type: int64"),
        (2**63, "Feature: x has uint64 element. Only int64 is supported."),
    ],
)
def test_examples_that_are_refused(feature, says):
    with pytest.raises(RequestError) as caught:
        filled({"examples": [{"x": feature}]})
    assert caught.value.message == says


def test_infinite_floats_have_no_limit():
    assert math.isinf(arrays({"inputs": [math.inf]}, x=tf.float32)["x"][0])
