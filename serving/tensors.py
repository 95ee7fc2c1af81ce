"""TensorFlow's TensorProto to and from numpy arrays, without TensorFlow.

Every function takes `data_schemas.wire.serving_pb2.Tensor` and `tensorflow.TensorProto` alike: only their names differ.
The rules are those of `tensorflow::Tensor::FromProto` (tensorflow/core/framework/tensor.cc): values stand either packed
in `tensor_content` or in the `*_val` field of the type; too few repeat the last one, none are zeros, too many are cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data_schemas.wire import serving_pb2

Array = npt.NDArray[Any]

_MAX_BYTES = 2**31
"""gRPC carries no message of more, so a tensor that claims more by repeating one value is not an honest one."""
_MAX_RANK = 32
"""What numpy 1 can hold; TensorFlow can hold 254."""
_STRING = int(serving_pb2.DT_STRING)


class TensorFormatError(ValueError):
    """A message whose type, shape and values do not make a tensor."""


class _Form(NamedTuple):
    array: np.dtype[Any]
    field: str
    value: np.dtype[Any]


def _form(array: str, field: str, value: str) -> _Form:
    return _Form(np.dtype(array), field, np.dtype(value))


_FORMS = {
    1: _form("<f4", "float_val", "<f4"),  # DT_FLOAT, and so on as in tensorflow/core/framework/types.proto
    2: _form("<f8", "double_val", "<f8"),
    3: _form("<i4", "int_val", "<i4"),
    4: _form("u1", "int_val", "<i4"),
    5: _form("<i2", "int_val", "<i4"),
    6: _form("i1", "int_val", "<i4"),
    9: _form("<i8", "int64_val", "<i8"),
    10: _form("?", "bool_val", "?"),
    17: _form("<u2", "int_val", "<i4"),
}
_RAW_FIELDS = {"float_val": 5, "double_val": 6, "bool_val": 11}
"""Fields, with their numbers, whose packed values are on the wire what they are in memory, little endian."""
_LENGTH_DELIMITED = 2  # as wire type; numbers as varints are 0, and no tensor's field has another
_TYPES = {form.array: number for number, form in _FORMS.items()}


def to_array(message: Any) -> Array:
    """Returns a tensor message's values.

    Args:
        message: a Tensor or TensorProto.

    Returns:
        An array of the message's shape; strings are `bytes` in an object array. Read-only where it shares the
        message's `tensor_content`.

    Raises:
        TensorFormatError: the type is unknown, the shape impossible, or `tensor_content` has another size.
    """
    shape = _shape(message.tensor_shape.dim)
    if message.dtype == _STRING:
        return _strings(message, shape)
    form = _FORMS.get(message.dtype)
    if form is None:
        raise TensorFormatError(f"tensors of DataType {message.dtype} are not supported")
    return _numbers(message, form, shape)


def to_message(array: Array) -> serving_pb2.Tensor:
    """Returns an array as a message to send: numbers packed in `tensor_content`, strings in `string_val`.

    Args:
        array: numbers of a type that TensorFlow has, or an object array of `bytes`.

    Raises:
        TensorFormatError: TensorFlow Serving takes no array of this type.
    """
    message = serving_pb2.Tensor()
    write_content(message, array)
    return message


def write_values(message: Any, array: Array) -> None:
    """Writes an array into an empty message as TensorFlow Serving answers: every value in the type's `*_val` field.

    Args:
        message: an empty Tensor or TensorProto.
        array: numbers of a type that TensorFlow has, or an object array of `bytes`.

    Raises:
        TensorFormatError: TensorFlow Serving gives no array of this type.
    """
    form = _describe(message, array)
    if form is None:
        message.string_val.extend(array.ravel().tolist())
    elif form.field in _RAW_FIELDS and array.size:
        message.MergeFromString(_packed(form, array))
    else:
        getattr(message, form.field).extend(array.ravel().tolist())


def write_content(message: Any, array: Array) -> None:
    """Writes an array into an empty message with its numbers packed in `tensor_content`, as `to_message` does.

    Args:
        message: an empty Tensor or TensorProto.
        array: numbers of a type that TensorFlow has, or an object array of `bytes`.

    Raises:
        TensorFormatError: TensorFlow has no such type.
    """
    form = _describe(message, array)
    if form is None:
        message.string_val.extend(array.ravel().tolist())
    else:
        message.tensor_content = _bytes(array, form.array)


def string_array(values: Sequence[bytes]) -> Array:
    """Returns `bytes` as a one-dimensional object array; numpy's own `S` type would drop trailing zero bytes."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _packed(form: _Form, array: Array) -> bytes:
    """Returns a field of numbers as it goes over the wire, without a Python object for each of them."""
    values = _bytes(array, form.value)
    tag = _RAW_FIELDS[form.field] << 3 | _LENGTH_DELIMITED
    return bytes([tag]) + _varint_bytes(len(values)) + values


def _wire_values(message: Any, form: _Form) -> Array:
    """Returns a field of numbers by way of the wire: a hundred times as fast as a Python object for each of them."""
    content, wanted, position = message.SerializeToString(), _RAW_FIELDS[form.field], 0
    while True:
        tag, position = _varint(content, position)
        size, position = _varint(content, position)
        if tag & 7 == _LENGTH_DELIMITED:
            if tag >> 3 == wanted:
                return np.frombuffer(content, form.value, count=size // form.value.itemsize, offset=position)
            position += size
        elif tag & 7:
            raise TensorFormatError("the message has a field that no tensor has")


def _bytes(array: Array, dtype: np.dtype[Any]) -> bytes:
    return np.ascontiguousarray(array, dtype=dtype).tobytes()


def _describe(message: Any, array: Array) -> _Form | None:
    """Writes type and shape; returns the form of the numbers, or None for strings."""
    message.tensor_shape.SetInParent()
    for size in array.shape:
        message.tensor_shape.dim.add().size = size
    if array.dtype.kind == "O":
        message.dtype = _STRING
        return None
    number = _TYPES.get(array.dtype.newbyteorder("<"))
    if number is None:
        raise TensorFormatError(f"arrays of {array.dtype} cannot be sent; strings go as bytes in an object array")
    message.dtype = number
    return _FORMS[number]


def _shape(dimensions: Sequence[Any]) -> tuple[int, ...]:
    shape = tuple(dimension.size for dimension in dimensions)
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise TensorFormatError(f"the shape {list(shape[:_MAX_RANK])} is impossible")
    return shape


def _check_size(count: int, item_bytes: int) -> None:
    if count * item_bytes > _MAX_BYTES:
        raise TensorFormatError(f"the shape claims {count} values, more than any message can carry")


def _numbers(message: Any, form: _Form, shape: tuple[int, ...]) -> Array:
    count = math.prod(shape)
    _check_size(count, form.array.itemsize)
    content = message.tensor_content
    if not content or not count:
        values = getattr(message, form.field)
        if form.field in _RAW_FIELDS and len(values):
            given = _wire_values(message, form)
        else:
            given = np.fromiter(values, form.value, count=len(values)).astype(form.array)
        return _filled(given, count, form.array.type()).reshape(shape)
    if len(content) != count * form.array.itemsize:
        raise TensorFormatError(
            f"tensor_content has {len(content)} bytes, {count} values of {form.array} need another number"
        )
    return np.frombuffer(content, form.array).reshape(shape)


def _strings(message: Any, shape: tuple[int, ...]) -> Array:
    count = math.prod(shape)
    _check_size(count, np.dtype(object).itemsize)
    packed = message.tensor_content and count
    values = _unpack_strings(message.tensor_content, count) if packed else message.string_val
    return _filled(string_array(values), count, b"").reshape(shape)


def _filled(values: Array, count: int, nothing: Any) -> Array:
    """Returns exactly `count` values: the first ones, the last one repeated, or `nothing` where there is none."""
    if len(values) >= count:
        return values[:count]
    filled = np.full(count, values[-1] if len(values) else nothing, dtype=values.dtype)
    filled[: len(values)] = values
    return filled


def _unpack_strings(content: bytes, count: int) -> list[bytes]:
    """Returns `count` strings of a `tensor_content`: all lengths as varints, then all bytes (tensor_coding.cc)."""
    position, sizes = 0, []
    for _ in range(count):
        size, position = _varint(content, position)
        sizes.append(size)
    if position + sum(sizes) != len(content):
        raise TensorFormatError(f"tensor_content does not hold {count} strings")
    ends = position + np.cumsum(sizes)
    return [content[end - size : end] for size, end in zip(sizes, ends.tolist(), strict=True)]


def _varint_bytes(value: int) -> bytes:
    """Returns a number as a varint."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Returns the varint that starts at `position` (at most 32 bits), and where it ends."""
    value = 0
    for shift, byte in enumerate(content[position : position + 5]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position + shift + 1
    raise TensorFormatError("tensor_content ends within the lengths of its strings")
