"""Writes the models, and the files, that the conformance suite wants a model server to be started with.

    python tests/serving/conformance/toy_folder.py FOLDER [--seen-as PATH]

A real server in a container sees the folder elsewhere: `--seen-as` is where. The command prints how to start both
servers that the suite asks, one without and one with batching.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

sys.path.append(str(Path(__file__).parents[1]))
from toy_model import export  # a script beside a package that is none

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
BATCHING = """max_batch_size { value: 4 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 2 }
num_batch_threads { value: 1 }
allowed_batch_sizes: 2
allowed_batch_sizes: 4
"""
MONITORING = 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'
MODELS = """model_config_list {{
  config {{
    name: "toy"
    base_path: "{folder}/toy"
    model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 2 }}
  }}
}}
"""


def write(folder: Path, *, seen_as: str | None = None) -> None:
    """Writes everything into a folder that is empty or not there yet."""
    toy = folder / "toy"
    export(toy / "001")
    export(toy / "2", offset=1.0)
    records = {
        "warmed_up": [warm_up_record("serving_default")],
        "wrong_warm_up": [warm_up_record("no_such_signature")],
        "broken_warm_up": [b"\xff no PredictionLog"],
        "long_warm_up": [warm_up_record("describe")] * 1001,
    }
    for name, logs in records.items():
        version = folder / name / "1"
        shutil.copytree(toy / "001", version)
        _write_records(version / WARM_UP, logs)
    (folder / "empty").mkdir()
    where = seen_as or str(folder.resolve())
    (folder / "models.config").write_text(MODELS.format(folder=where))
    (folder / "batching.config").write_text(BATCHING)
    (folder / "monitoring.config").write_text(MONITORING)


def warm_up_record(signature: str) -> bytes:
    """Returns a PredictionLog with one Predict of a toy."""
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "toy"
    request.model_spec.signature_name = signature
    if signature == "describe":
        request.inputs["request"].CopyFrom(tf.make_tensor_proto([0], tf.int32))
    else:
        request.inputs["inputs"].CopyFrom(tf.make_tensor_proto([serialized_example(0.5)]))
    return log.SerializeToString()


def serialized_example(mean: float) -> bytes:
    """Returns the tf.Example that a toy reads."""
    feature = {"mean": tf.train.Feature(float_list=tf.train.FloatList(value=[mean]))}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def flags(folder: str, *, batching: bool = False) -> list[str]:
    """Returns the flags to start a server with, where it sees the folder as `folder`."""
    common = [
        f"--model_config_file={folder}/models.config",
        "--allow_version_labels_for_unavailable_models=true",
        "--file_system_poll_wait_seconds=1",
        "--max_num_load_retries=0",
    ]
    if batching:
        return [*common, "--enable_batching=true", f"--batching_parameters_file={folder}/batching.config"]
    return [*common, f"--monitoring_config_file={folder}/monitoring.config"]


def _write_records(path: Path, records: list[bytes]) -> None:
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seen-as", help="the folder's path where the server runs [the folder itself]")
    arguments = parser.parse_args()
    write(arguments.folder, seen_as=arguments.seen_as)
    seen = arguments.seen_as or str(arguments.folder.resolve())
    print("tensorflow_model_server --port=8500 --rest_api_port=8501", *flags(seen))
    print("tensorflow_model_server --port=8510", *flags(seen, batching=True))
    print(
        "pytest tests/serving/conformance --model-server HOST:8500 --model-server-rest HOST:8501 "
        f"--model-server-batching HOST:8510 --model-server-folder {arguments.folder}"
    )
