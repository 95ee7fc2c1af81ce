"""What gRPC costs: p50 of Predict against the same serialized bytes through a session call in process.

    python -m benchmarks.serving OUTPUT/serving/TASK [--image FILE] [--batch 1] [--blocks 5] [--calls 40]

Both sides run the same model in one run, one call of each in turn, so that both meet the machine in the same mood.
Prints one JSON object; `ratio` is the median over the blocks, `spread` the lowest and highest. Target: at most 1.25.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from imaging.example import serving_example
from serving.client import ModelClient
from serving.server.config import version_folders
from serving.server.process import quieten_tensorflow
from serving.tensors import string_array

TARGET = 1.25
_WARM_UP = 5


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments = _parse()
    version = _version_folder(arguments.model)
    servable = _load(version)
    with _server(version) as address, ModelClient(address, "model") as client:
        data = arguments.image.read_bytes() if arguments.image else _noise()
        examples = [serving_example(data, task=client.describe().task)] * arguments.batch
        inputs = {"inputs": string_array(examples)}
        direct = lambda: servable.run("serving_default", inputs)  # noqa: E731  # the two sides, side by side
        remote = lambda: client.predict(examples).outputs  # noqa: E731
        np.testing.assert_allclose(remote()["scores"], direct()["scores"], atol=1e-5)
        blocks = [_block(direct, remote, calls=arguments.calls) for _ in range(arguments.blocks)]
    print(json.dumps(_result(blocks, request_bytes=sum(map(len, examples)))))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="OUTPUT/serving/TASK (newest version) or one version folder")
    parser.add_argument("--image", type=Path, help="the image that is sent [noise of 512 x 512]")
    parser.add_argument("--batch", type=int, default=1, help="images in a request [%(default)s]")
    parser.add_argument("--blocks", type=int, default=5, help="repetitions, for the spread [%(default)s]")
    parser.add_argument("--calls", type=int, default=40, help="calls of each side in a block [%(default)s]")
    return parser.parse_args()


def _version_folder(model: Path) -> Path:
    if (model / "saved_model.pb").is_file():
        return model.resolve()
    folders = version_folders(model)
    return folders[max(folders)].resolve()


def _load(version: Path) -> Any:
    quieten_tensorflow()
    from serving.server.servable import Servable

    return Servable.load(version)


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
                yield process.stdout.readline().split()[-1]
            finally:
                process.terminate()


def _block(direct: Callable[[], Any], remote: Callable[[], Any], *, calls: int) -> tuple[float, float]:
    """Returns the p50 of both sides in milliseconds."""
    for _ in range(_WARM_UP):
        direct()
        remote()
    times = [(_milliseconds(direct), _milliseconds(remote)) for _ in range(calls)]
    return median(time for time, _ in times), median(time for _, time in times)


def _milliseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


def _result(blocks: list[tuple[float, float]], *, request_bytes: int) -> dict[str, Any]:
    ratios = [remote / direct for direct, remote in blocks]
    return {
        "benchmark": "serving",
        "request_bytes": request_bytes,
        "direct_p50_ms": round(median(direct for direct, _ in blocks), 3),
        "grpc_p50_ms": round(median(remote for _, remote in blocks), 3),
        "ratio": round(median(ratios), 3),
        "spread": [round(min(ratios), 3), round(max(ratios), 3)],
        "target": TARGET,
        "met": median(ratios) <= TARGET,
    }


if __name__ == "__main__":
    sys.exit(main())
