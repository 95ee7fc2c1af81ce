from __future__ import annotations

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data_schemas.wire import serving_pb2
from serving.tensors import TensorFormatError, string_array, to_array, to_message, write_values

DTYPES = ("float32", "float64", "int32", "int64", "bool", "uint8", "int8", "int16", "uint16")
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
NUMBERS = st.sampled_from(DTYPES).flatmap(lambda name: hnp.arrays(name, SHAPES))


def as_tensorflow(message: serving_pb2.Tensor) -> np.ndarray:
    """What TensorFlow's own parser, the one TensorFlow Serving uses, makes of a message."""
    return tf.io.parse_tensor(message.SerializeToString(), tf.as_dtype(message.dtype)).numpy()


@given(NUMBERS)
def test_numbers_survive_the_round_trip_in_both_forms(array):
    values = serving_pb2.Tensor()
    write_values(values, array)
    for message in (to_message(array), values):
        back = to_array(serving_pb2.Tensor.FromString(message.SerializeToString()))
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_tensorflow_reads_what_is_sent_and_is_read_alike(array):
    np.testing.assert_array_equal(as_tensorflow(to_message(array)), array)
    np.testing.assert_array_equal(to_array(tf.make_tensor_proto(array)), array)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_strings_keep_their_bytes_trailing_zeros_included(values):
    values.append(b"trailing\0\0")
    assert to_array(to_message(string_array(values))).tolist() == values


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([("float_val", 1), ("int_val", 3), ("int_val", 4), ("int64_val", 9), ("bool_val", 10)]),
    st.lists(st.integers(0, 1), max_size=5),
    st.lists(st.integers(0, 3), max_size=2),
)
def test_too_few_or_too_many_values_are_read_as_tensorflow_reads_them(field, values, shape):
    message = serving_pb2.Tensor(dtype=field[1])
    message.tensor_shape.SetInParent()
    for size in shape:
        message.tensor_shape.dim.add().size = size
    getattr(message, field[0]).extend(values)
    np.testing.assert_array_equal(to_array(message), as_tensorflow(message))


def test_one_string_for_three_is_repeated():
    message = serving_pb2.Tensor(dtype=serving_pb2.DT_STRING, string_val=[b"film"])
    message.tensor_shape.dim.add().size = 3
    assert to_array(message).tolist() == [b"film"] * 3


def test_strings_packed_in_tensor_content_are_read():
    packed = bytes([0xAC, 0x02, 1]) + b"a" * 300 + b"b"  # lengths 300 and 1 as varints, then the bytes
    message = serving_pb2.Tensor(dtype=serving_pb2.DT_STRING, tensor_content=packed)
    message.tensor_shape.dim.add().size = 2
    assert to_array(message).tolist() == [b"a" * 300, b"b"]
    assert as_tensorflow(message).tolist() == [b"a" * 300, b"b"]


@pytest.mark.parametrize(
    ("dtype", "sizes", "content"),
    [
        (serving_pb2.DT_FLOAT, [2], b"1234567"),
        (serving_pb2.DT_FLOAT, [-1], b""),
        (serving_pb2.DT_FLOAT, [1] * 33, b""),
        (serving_pb2.DT_FLOAT, [2**40], b""),
        (serving_pb2.DT_STRING, [2**62, 2**62], b""),
        (serving_pb2.DT_STRING, [2], b"\x01\x05a"),
        (serving_pb2.DT_STRING, [1], b"\xff"),
        (serving_pb2.DT_INVALID, [1], b""),
        (8, [1], b""),  # DT_COMPLEX64
    ],
    ids=["size", "negative", "rank", "bomb", "overflow", "strings", "varint", "no type", "complex"],
)
def test_what_makes_no_tensor_is_refused(dtype, sizes, content):
    message = serving_pb2.Tensor(dtype=dtype, tensor_content=content)
    for size in sizes:
        message.tensor_shape.dim.add().size = size
    with pytest.raises(TensorFormatError):
        to_array(message)


@given(st.binary(max_size=60), st.sampled_from([1, 3, 7, 9, 10]), st.lists(st.integers(-2, 5), max_size=3))
def test_random_content_gives_a_tensor_or_a_format_error(content, dtype, sizes):
    message = serving_pb2.Tensor(dtype=dtype, tensor_content=content)
    for size in sizes:
        message.tensor_shape.dim.add().size = size
    with contextlib.suppress(TensorFormatError):
        assert list(to_array(message).shape) == sizes


def test_an_array_of_numpys_own_strings_is_refused():
    with pytest.raises(TensorFormatError, match="object array"):
        to_message(np.array([b"a"]))
