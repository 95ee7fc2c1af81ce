"""The JSON of TensorFlow Serving's REST interface to tensors and examples (util/json_tensor.cc).

Strings are UTF-8; bytes are `{"b64": "..."}`. NaN, Infinity and -Infinity stand as such.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import grpc
import numpy as np
import tensorflow as tf

from serving.server.errors import RequestError, invalid_argument
from serving.tensors import Array, string_array

_MAX_INTEGER = {"float32": 2**24 - 1, "float64": 2**53 - 1}
_TYPES = {
    dict: "Object",
    list: "Array",
    str: "String",
    bool: "Bool",
    type(None): "Null",
    int: "Number",
    float: "Number",
}


class Inputs(NamedTuple):
    """The inputs of a predict request, and whether they came row by row (`instances`) or in columns (`inputs`)."""

    arrays: dict[str, Array]
    rows: bool


def parse(body: bytes) -> dict[str, Any]:
    """Returns the object that a request's body holds.

    Raises:
        RequestError: INVALID_ARGUMENT, it is no JSON object, or nested too deeply.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid_argument(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        what = "Invalid encoding in string." if isinstance(error, UnicodeDecodeError) else "nested too deeply"
        raise invalid_argument(f"JSON Parse error: {what}") from error
    if not isinstance(document, dict):
        raise invalid_argument(f"JSON Value: {_short(document)} Is not object")
    return document


def signature(document: Mapping[str, Any]) -> str:
    """Returns `signature_name`, empty where there is none.

    Raises:
        RequestError: INVALID_ARGUMENT, it is no string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {_short(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def predict_inputs(document: Mapping[str, Any], types: Mapping[str, Any]) -> Inputs:
    """Returns the inputs of a predict request.

    Args:
        document: the request.
        types: the signature's TensorInfo by input name.

    Raises:
        RequestError: INVALID_ARGUMENT, a value does not fit; UNIMPLEMENTED, a type has no JSON.
    """
    if "instances" in document and "inputs" in document:
        raise invalid_argument(
            f"JSON Value: {_short(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if "instances" in document:
        return Inputs(_from_instances(document, types), rows=True)
    if "inputs" in document:
        return Inputs(_from_columns(document["inputs"], types), rows=False)
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def fill_examples(document: Mapping[str, Any], message: Any) -> None:
    """Writes the `examples`, and their `context`, of a classify or regress request into an Input message.

    Raises:
        RequestError: INVALID_ARGUMENT, they are missing or hold what no tf.Example can.
    """
    examples = document.get("examples")
    if "examples" not in document:
        raise invalid_argument(
            f"JSON Value: {_short(document)} When method is classify, key 'examples' is expected and was not found"
        )
    if not isinstance(examples, list):
        raise invalid_argument(f"JSON Value: {_short(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid_argument(f"JSON Value: {_short(document)} 'examples' value is an empty array")
    target = message.example_list
    if "context" in document:
        target = message.example_list_with_context
        _fill_example(document["context"], target.context)
    for example in examples:
        _fill_example(example, target.examples.add())


# Tensors


def _from_instances(document: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Array]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid_argument(f"JSON Value: {_short(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid_argument(f"JSON Value: {_short(document)} No values in 'instances' array")
    named = _is_named(instances[0])
    if not named and len(types) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    rows = [_row(item, position, types, named=named) for position, item in enumerate(instances)]
    return {name: _stacked([row[name] for row in rows]) for name in rows[0]}


def _row(item: Any, position: int, types: Mapping[str, Any], *, named: bool) -> dict[str, Array]:
    if named != _is_named(item):
        expected, got = ("object", "list") if named else ("value/list", "object")
        raise invalid_argument(f"Expecting {expected} but got {got} at item {position} of input list")
    values = item if named else {next(iter(types)): item}
    if named and values.keys() != types.keys() and values.keys() <= types.keys():
        raise invalid_argument(
            f"Failed to process element: {position} of 'instances' list. JSON object: {_short(item)} "
            f"keys must be equal to: {','.join(sorted(types))}"
        )
    return {name: _instance(value, name, position, types, named=named) for name, value in values.items()}


def _instance(value: Any, name: str, position: int, types: Mapping[str, Any], *, named: bool) -> Array:
    try:
        if name not in types:
            raise invalid_argument(f"JSON object: does not have named input: {name}")
        return _array(value, types[name].dtype)
    except RequestError as error:
        key = f" key: {name}" if named else ""
        raise RequestError(
            error.code, f"Failed to process element: {position}{key} of 'instances' list. Error: {error.message}"
        ) from error


def _stacked(arrays: Sequence[Array]) -> Array:
    for array in arrays:
        if array.size != arrays[0].size:
            raise invalid_argument(f"Expecting tensor size: {arrays[0].size} but got: {array.size}")
        if array.shape != arrays[0].shape:
            raise invalid_argument(f"Expecting shape {_shape(arrays[0])} but got: {_shape(array)}")
    return np.stack(arrays)


def _from_columns(value: Any, types: Mapping[str, Any]) -> dict[str, Array]:
    if not _is_named(value):
        if len(types) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        value = {next(iter(types)): value}
    for name in types:
        if name not in value:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return {name: _array(value[name], info.dtype) for name, info in types.items()}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _array(value: Any, dtype: int) -> Array:
    """Returns nested lists as an array; every list of a level must be as long as the first."""
    shape = _dimensions(value)
    kind = tf.as_dtype(dtype)
    convert = _converter(kind)
    values = [convert(leaf) for leaf in _leaves(value, shape, 0)]
    flat = string_array(values) if kind == tf.string else np.array(values, kind.as_numpy_dtype)
    return flat.reshape(shape)


def _dimensions(value: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _leaves(value: Any, shape: tuple[int, ...], level: int) -> Iterator[Any]:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {_short(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        yield value
        return
    if level >= len(shape):
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        yield from _leaves(item, shape, level + 1)


def _converter(kind: Any) -> Callable[[Any], Any]:
    """Returns what turns one JSON value into a tensor's."""
    name = kind.name
    if kind == tf.string:
        return _string
    if name in _MAX_INTEGER:
        return lambda value: _decimal(value, name)
    if kind == tf.bool:
        return lambda value: value if isinstance(value, bool) else _refuse(value, name)
    if kind.is_integer and not kind.is_quantized:
        limits = np.iinfo(kind.as_numpy_dtype)
        return lambda value: value if type(value) is int and limits.min <= value <= limits.max else _refuse(value, name)
    raise RequestError(grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value to type: {name}")


def _decimal(value: Any, name: str) -> float:
    if type(value) not in (int, float):
        _refuse(value, name)
    lossless = abs(value) <= _MAX_INTEGER[name] if type(value) is int else _fits(value, name)
    if not lossless:
        kind = "float" if name == "float32" else "double"
        raise invalid_argument(f"Cannot convert JSON value: {_short(value)} to {kind} without loss of precision.")
    return float(value)


def _fits(value: float, name: str) -> bool:
    return not math.isfinite(value) or abs(value) <= float(np.finfo(name).max)


def _string(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not isinstance(value, dict):
        _refuse(value, "string")
    return _base64(value)


def _base64(value: dict[str, Any]) -> bytes:
    if not _is_base64(value):
        raise invalid_argument(f"JSON Value: {_short(value)} not formatted correctly for base64 data")
    text = value["b64"]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def _refuse(value: Any, name: str) -> NoReturn:
    kind = {"float32": "float", "float64": "double"}.get(name, name)
    raise invalid_argument(f"JSON Value: {_short(value)} Type: {_TYPES[type(value)]} is not of expected type: {kind}")


def _short(value: Any) -> str:
    """Returns a value's kind for an error: the value itself may be a patient's."""
    return json.dumps(value) if isinstance(value, (bool, int, float)) or value is None else f"<{_TYPES[type(value)]}>"


def _shape(array: Array) -> str:
    return f"[{','.join(map(str, array.shape))}]"


# Examples


def _fill_example(value: Any, example: Any) -> None:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {_TYPES[type(value)]}")
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            kind, converted = _feature_value(item, name)
            given = feature.WhichOneof("kind")
            if given not in (None, kind):
                expected = given.removesuffix("_list")
                raise invalid_argument(f"Unexpected element type in feature: {name} expecting type: {expected}")
            getattr(feature, kind).value.append(converted)


def _feature_value(item: Any, name: str) -> tuple[str, Any]:
    if isinstance(item, str) or _is_base64(item):
        return "bytes_list", _string(item)
    if isinstance(item, bool):
        return "int64_list", int(item)
    if isinstance(item, int):
        if not -(2**63) <= item < 2**63:
            raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", item
    if isinstance(item, float):
        return "float_list", _decimal(item, "float32")
    raise invalid_argument(f"Feature: {name} has element with unexpected JSON type: {_TYPES[type(item)]}")
