"""Serving: p50 of a Predict call over gRPC against the same serialized bytes through a session call in this process.

    python benchmarks/bench_serving.py [--model DIR] [--image FILE] [--batch 1] [--calls 60] [--blocks 7]

The server is `python -m serving.server` in a process of its own, the client `serving.client`, both on this machine.
One call of each side in turn, so that both meet the machine in the same mood. Without --model the benchmark makes one:
MobileNet of width 0.25 at 224 x 224 with random weights, exported with its Transform graph as the Trainer does it, so
that a call decodes, resizes and scores, as with a pushed model. A lighter model makes the ratio worse, a heavier one
better. Target: at most 1.25.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from ratios import Ratio, load_average, print_result

from data_schemas.description import Calibration, ModelDescription
from data_schemas.schema import build_schema
from data_schemas.served_folder import version_folders
from data_schemas.task import Task
from data_schemas.task_file import load_task, task_to_json
from imaging.example import serving_examples
from serving.client import ModelClient
from serving.tensors import string_array

TARGET = 1.25
_WARM_UP = 10
_PACKAGES = ("grpcio", "tensorflow", "protobuf", "numpy")


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    _quieten()
    with tempfile.TemporaryDirectory() as scratch:
        version = _version_folder(arguments.model) if arguments.model else _make_model(Path(scratch))
        details = {"model": str(arguments.model or "MobileNet 0.25 at 224 x 224, random weights")}
        blocks, request_bytes = _measure(version, arguments)
    details |= {
        "images_a_request": arguments.batch,
        "request_bytes": request_bytes,
        "session_p50_ms": round(median(direct for direct, _ in blocks), 2),
        "grpc_p50_ms": round(median(remote for _, remote in blocks), 2),
    }
    ratio = Ratio("gRPC p50 over a session call", [remote / direct for direct, remote in blocks], target=TARGET)
    print_result("serving", [ratio], packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="OUTPUT/serving/TASK (newest version) or one version [makes one]")
    parser.add_argument("--image", type=Path, help="the image that is sent [noise of 512 x 512]")
    parser.add_argument("--batch", type=int, default=1, help="images in a request [%(default)s]")
    parser.add_argument("--calls", type=int, default=60, help="calls of each side in a block [%(default)s]")
    parser.add_argument("--blocks", type=int, default=7, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _quieten() -> None:
    """Keeps the start-up lines of TensorFlow and Beam off the terminal; to be called before they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    logging.getLogger().setLevel(logging.ERROR)


def _version_folder(model: Path) -> Path:
    if (model / "saved_model.pb").is_file():
        return model.resolve()
    folders = version_folders(model)
    if not folders:
        raise SystemExit(f"{model} has no version folder: give OUTPUT/serving/TASK")
    return folders[max(folders)].resolve()


def _make_model(folder: Path) -> Path:
    """Returns a version folder with an untrained network and its Transform graph, as `models.export` writes it."""
    import absl.logging
    import tensorflow_transform as tft

    from models.export import export_model
    from models.network import build_network
    from models.scope import fit_scope
    from models.split_data import SplitData

    absl.logging.set_verbosity(absl.logging.ERROR)
    task = load_task("chest_xray_pneumonia")
    mobilenet = task.model.model_copy(update={"backbone": "mobilenet", "alpha": 0.25, "weights": "none"})
    size = task.image.model_copy(update={"size": (224, 224), "max_side": 512})
    task = task.model_copy(update={"model": mobilenet, "image": size})
    _write_transform_graph(task, folder / "transform")
    description = ModelDescription(
        task=task,
        operating_points=dict.fromkeys(task.labels.names, 0.5),
        prevalence=dict.fromkeys(task.labels.names, 1 / len(task.labels.names)),
        calibration=Calibration.identity(len(task.labels.names)),
        radflow_version="benchmark",
    )
    network = build_network(task, weights=None)
    transform = tft.TFTransformOutput(str(folder / "transform"))
    pixels = np.random.default_rng(1).random((64, *task.image.size, task.channels), np.float32)
    names = tuple(map(str, range(64)))
    scope = fit_scope(network, SplitData(pixels, np.zeros(64, np.int64), names, names), seed=1)
    export_model(network, transform, description=description, scope=scope, folder=folder / "model")
    return folder / "model"


def _write_transform_graph(task: Task, folder: Path) -> None:
    """Writes what the Transform step would: the task's preprocessing function needs no data, having no analyzer."""
    import apache_beam as beam
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    from models.preprocessing import preprocessing_fn

    metadata = DatasetMetadata(build_schema(task))
    function = partial(preprocessing_fn, custom_config={"task": task_to_json(task)})
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "tmp"), force_tf_compat_v1=False):
        nothing = pipeline | beam.Create([])
        transform = (nothing, metadata) | tft_beam.AnalyzeDataset(function)
        transform | tft_beam.WriteTransformFn(str(folder))
        metadata | tft_beam.WriteMetadata(str(folder / "metadata"), pipeline)


def _measure(version: Path, arguments: argparse.Namespace) -> tuple[list[tuple[float, float]], int]:
    """Returns the p50 of both sides in milliseconds for each block, and the size of a request's examples in bytes."""
    from serving.server.servable import Servable

    servable = Servable.load(version)
    with _server(version) as address, ModelClient(address, "model") as client:
        data = arguments.image.read_bytes() if arguments.image else _noise()
        examples = [serving_examples(data, task=client.describe().task)[0].serialized] * arguments.batch
        direct = partial(servable.run, "serving_default", {"inputs": string_array(examples)})
        remote = partial(client.predict, examples)
        np.testing.assert_allclose(remote().outputs["scores"], direct()["scores"], atol=1e-5)
        blocks = [_block(direct, remote, calls=arguments.calls) for _ in range(arguments.blocks)]
    servable.close()
    return blocks, sum(map(len, examples))


def _noise() -> bytes:
    """Returns a PNG of 512 x 512, 16 bits: what compresses worst, so that the request is as large as it gets."""
    image = np.random.default_rng(1).integers(0, 2**16, (512, 512), np.uint16)
    return cv2.imencode(".png", image)[1].tobytes()


@contextmanager
def _server(version: Path) -> Iterator[str]:
    """Serves one version folder in a process of its own; gives its address."""
    with tempfile.TemporaryDirectory() as base_path:
        (Path(base_path) / "1").symlink_to(version)
        flags = ["--port=0", "--model_name=model", f"--model_base_path={base_path}"]
        command = [sys.executable, "-m", "serving.server", *flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(f"the model server did not start: {' '.join(command)}")
                yield line.split()[-1]
            finally:
                process.terminate()


def _block(direct: Callable[[], Any], remote: Callable[[], Any], *, calls: int) -> tuple[float, float]:
    for _ in range(_WARM_UP):
        direct()
        remote()
    times = [(_milliseconds(direct), _milliseconds(remote)) for _ in range(calls)]
    return median(time for time, _ in times), median(time for _, time in times)


def _milliseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


if __name__ == "__main__":
    sys.exit(main())
