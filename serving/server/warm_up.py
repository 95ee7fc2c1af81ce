"""Warm-up: requests that a version is given before it answers others, so that the first of those is not slow.

They stand in the version's `assets.extra/tf_serving_warmup_requests`, a TFRecord of PredictionLog, as TensorFlow
Serving reads them (saved_model_warmup_util.cc): one that cannot be read or answered fails the load.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from serving.server.errors import RequestError, invalid_argument
from serving.server.inference import run_classify, run_multi_inference, run_predict, run_regress
from serving.server.servable import LoadedModel

WARM_UP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000
_RUN = {
    "predict_log": run_predict,
    "classify_log": run_classify,
    "regress_log": run_regress,
    "multi_inference_log": run_multi_inference,
}


def warm_up(model: LoadedModel, version_dir: Path, *, iterations: int = 1) -> int:
    """Gives a version its warm-up requests.

    Args:
        model: the loaded version.
        version_dir: its folder.
        iterations: how often each request is run.

    Returns:
        How many records there were; 0 without a file.

    Raises:
        RequestError: there are more than 1,000 records, or one cannot be read, is of a kind that has no answer here, or
            is refused by the model.
    """
    path = version_dir / WARM_UP_FILE
    if not path.is_file():
        return 0
    count = 0
    for record in _records(path):
        count += 1
        if count > MAX_RECORDS:
            raise invalid_argument(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}")
        _run(model, _parse(record, path), iterations)
    return count


def _records(path: Path) -> Iterator[bytes]:
    # TensorFlow's plain reader: a tf.data pipeline would start the eager runtime, which takes all of a GPU's memory.
    try:
        yield from tf.compat.v1.io.tf_record_iterator(str(path))
    except tf.errors.DataLossError as error:
        raise RequestError(
            grpc.StatusCode.DATA_LOSS, f"{error.message}. Please verify your warmup data is in TFRecord format."
        ) from error


def _parse(record: bytes, path: Path) -> Any:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid_argument(f"Failed to parse warmup record from {path}") from error


def _run(model: LoadedModel, log: Any, iterations: int) -> None:
    kind = log.WhichOneof("log_type")
    if kind not in _RUN:
        raise RequestError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
    for _ in range(iterations):
        _RUN[kind](model, getattr(log, kind).request)
