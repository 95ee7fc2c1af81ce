"""JSON to tensors and examples; expected values from util/json_tensor.cc's rules, worked by hand."""

from __future__ import annotations

import contextlib
import json
import math

import grpc
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import input_pb2

from serving.server.errors import RequestError
from serving.server.rest_requests import fill_examples, parse, predict_inputs


def types(**dtypes):
    return {name: meta_graph_pb2.TensorInfo(dtype=dtype.as_datatype_enum) for name, dtype in dtypes.items()}


def arrays(document, **dtypes):
    return {name: array.tolist() for name, array in predict_inputs(document, types(**dtypes)).arrays.items()}


def refused(document, **dtypes):
    with pytest.raises(RequestError) as caught:
        predict_inputs(document, types(**dtypes))
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
        predict_inputs(parse(body), types(a=tf.float32))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(RequestError):
        parse(body)


def test_a_document_nested_too_deeply_is_refused():
    with pytest.raises(RequestError, match="JSON Parse error"):
        parse(b'{"instances": ' + b"[" * 200_000)


def test_an_error_quotes_no_text_of_the_request():
    assert "Miller" not in refused({"instances": [{"x": "Miller"}]}, x=tf.float32)[1]


def filled(document):
    message = input_pb2.Input()
    fill_examples(document, message)
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
