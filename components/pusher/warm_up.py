"""Warm-up records: requests that a model server runs on a version before it answers others.

TensorFlow Serving reads them from a TFRecord of PredictionLog; the first request of a signature otherwise waits for
what TensorFlow does once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from data_schemas.task import Task
from imaging.warm_up import warm_up_example


def warm_up_records(task: Task) -> bytes:
    """Returns the file's bytes: one request to `serving_default` and one to `explain`, of a drawn image."""
    image = tf.constant([warm_up_example(task)])
    finding = task.labels.names.index(task.labels.findings[0])
    logs = [
        _log(task, "serving_default", {"inputs": image}),
        _log(task, "explain", {"inputs": image, "label": tf.constant([finding], tf.int64)}),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for log in logs:
                writer.write(log.SerializeToString(deterministic=True))
        return path.read_bytes()


def _log(task: Task, signature: str, inputs: Mapping[str, tf.Tensor]) -> Any:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = task.name, signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return log
