"""Tensors, classes and regressions to the JSON of TensorFlow Serving's REST interface (util/json_tensor.cc).

Strings are UTF-8; bytes are `{"b64": "..."}`. NaN, Infinity and -Infinity stand as such.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from serving.server.errors import invalid_argument
from serving.tensors import Array

_BYTES_SUFFIX = "_bytes"
"""An output of strings whose name ends so is written as base64."""


def write_predictions(outputs: Mapping[str, Array], *, rows: bool) -> str:
    """Returns the answer to a predict request: `predictions` row by row, or `outputs` in columns.

    Raises:
        RequestError: INVALID_ARGUMENT, outputs have different numbers of rows, or a type has no JSON.
    """
    if not rows:
        columns = {name: _written(array, name.endswith(_BYTES_SUFFIX)) for name, array in sorted(outputs.items())}
        return '{"outputs": ' + _named(columns) + "}"
    count = _row_count(outputs)
    by_name = {
        name: [_written(row, name.endswith(_BYTES_SUFFIX)) for row in array] for name, array in sorted(outputs.items())
    }
    lines = [_named({name: values[row] for name, values in by_name.items()}) for row in range(count)]
    return '{"predictions": [' + ", ".join(lines) + "]}"


def write_classes(result: Any) -> str:
    """Returns the answer to a classify request: for each example, pairs of label and score."""
    return '{"results": [' + ", ".join(_pairs(each.classes) for each in result.classifications) + "]}"


def write_regressions(result: Any) -> str:
    """Returns the answer to a regress request: a number for each example."""
    return '{"results": [' + ", ".join(_floats_of([one.value for one in result.regressions])) + "]}"


def _row_count(outputs: Mapping[str, Array]) -> int:
    count = -1
    for name, array in sorted(outputs.items()):
        if not array.ndim:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if count not in (-1, len(array)):
            raise invalid_argument(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {count}")
        count = len(array)
    return count


def _named(texts: Mapping[str, str]) -> str:
    """Returns the only text, or an object of all of them."""
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def _written(array: Any, as_base64: bool) -> str:
    array = np.asarray(array, dtype=object) if isinstance(array, bytes) else np.asarray(array)
    texts = iter(_texts(array, as_base64))
    return _nested(texts, array.shape)


def _nested(texts: Iterator[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return next(texts)
    if len(shape) == 1:
        return "[" + ", ".join(itertools.islice(texts, shape[0])) + "]"
    return "[" + ", ".join(_nested(texts, shape[1:]) for _ in range(shape[0])) + "]"


def _texts(array: Array, as_base64: bool) -> list[str]:
    kind = array.dtype.kind
    values = array.ravel().tolist()
    if kind == "f":
        return _floats(array.ravel())
    if kind in "iu":
        return list(map(str, values))
    if kind == "b":
        return ["true" if value else "false" for value in values]
    if kind == "O":
        return [_string_text(value, as_base64) for value in values]
    raise invalid_argument(f"Failed to write JSON value for tensor type: {array.dtype.name}")


def _string_text(value: bytes, as_base64: bool) -> str:
    if as_base64:
        return json.dumps({"b64": base64.b64encode(value).decode("ascii")})
    return json.dumps(value.decode("utf-8", "replace"), ensure_ascii=False)


def _pairs(classes: Sequence[Any]) -> str:
    labels = [json.dumps(one.label, ensure_ascii=False) for one in classes]
    scores = _floats_of([one.score for one in classes])
    return "[" + ", ".join(f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)) + "]"


def _floats_of(values: Sequence[float]) -> list[str]:
    return _floats(np.array(values, np.float32))


def _floats(values: Array) -> list[str]:
    """Returns numbers as TensorFlow Serving writes them: six digits where those give the same number, else all."""
    digits = 9 if values.dtype.itemsize <= 4 else 17
    texts = [f"{value:.6g}" for value in values.tolist()]
    again = np.array(texts, np.float64).astype(values.dtype)
    for position in np.flatnonzero((again != values) & np.isfinite(values)).tolist():
        texts[position] = f"{values[position]:.{digits}g}"
    return [_decimal_text(text) for text in texts]


def _decimal_text(text: str) -> str:
    if text in ("nan", "inf", "-inf"):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[text]
    return text if "." in text or "e" in text else text + ".0"
