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
from untrained_model import make_untrained_model

from data_schemas.served_folder import version_folders
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
        version = _version_folder(arguments.model) if arguments.model else make_untrained_model(Path(scratch))
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
