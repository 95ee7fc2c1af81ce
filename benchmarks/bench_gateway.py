"""Gateway: upload to result against decoding and Predict alone.

    python benchmarks/bench_gateway.py [--model DIR] [--file FILE ...] [--uploads 20] [--blocks 5]

The gateway is `radflow gateway` in a process of its own, the model server another one; one client uploads one file
after the other over one connection and waits for each answer, which holds the prediction. The other side decodes the
same bytes in this process, warm, as training does, and asks the same model server over gRPC. Uploads and bare calls
take turns within a block, and both sides decode at the low priority of the gateway's decoders, so that what else runs
on the machine touches both alike. Two films unless --file is given: one of the demo's sample (some 300 rows of 12
bits), and a radiograph as detectors make them, 2000 x 2000 pixels of 16 bits with its window. Without --model the
benchmark makes one: MobileNet 0.25 at 224 x 224 with random weights. Target: p50 at most 1.5.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles

import cv2
import httpx
import numpy as np
from ingest_run import film
from ratios import Ratio, load_average, print_result
from untrained_model import make_untrained_model

from imaging.example import serving_examples
from imaging.synthetic import write_sample
from serving.child_server import child_server
from serving.client import ModelClient
from serving.gateway.decoding_worker import NICE
from serving.gateway.settings import PREFIX

TARGET = 1.5
_NAME = "model"
_WARM_UP = 10
_SIDE = 2000
_PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "pydicom", "opencv-python-headless", "grpcio", "tensorflow")

Blocks = list[list[tuple[float, float]]]
"""For each block, pairs of milliseconds: of an upload, and of decoding and Predict."""


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        films = {path.name: path.read_bytes() for path in arguments.file} or _films(folder / "sample")
        model = arguments.model or _made_model(folder)
        with child_server(model, name=_NAME) as address, _gateway(address, folder / "data") as url:
            results = {name: _measure(data, address, url, arguments) for name, data in films.items()}
    ratios = [
        Ratio(
            f"{name}, {len(films[name]) / 1e6:.2f} MB: p50 of an upload over decoding and Predict",
            [median(through for through, _ in block) / median(bare for _, bare in block) for block in blocks],
            target=TARGET,
        )
        for name, blocks in results.items()
    ]
    details = {f"{name} {what}": value for name, blocks in results.items() for what, value in _times(blocks).items()}
    details["model"] = str(arguments.model or "MobileNet 0.25 at 224 x 224, random weights")
    print_result("gateway", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="OUTPUT/serving/TASK [makes one]")
    parser.add_argument("--file", type=Path, nargs="+", default=[], help="what is uploaded [draws two films]")
    parser.add_argument("--uploads", type=int, default=20, help="uploads of a file in a block [%(default)s]")
    parser.add_argument("--blocks", type=int, default=5, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _films(folder: Path) -> dict[str, bytes]:
    """Returns a small film and one as large as a radiograph: a smooth picture with a detector's grain."""
    write_sample(folder, studies=1)
    rng = np.random.default_rng(1)
    smooth = cv2.resize(rng.uniform(8000, 56000, (12, 10)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    pixels = (smooth + rng.normal(0, 300, smooth.shape)).clip(0, 2**16 - 1).astype(np.uint16)
    radiograph, target = film(pixels, number=1), BytesIO()
    radiograph.BitsStored, radiograph.HighBit = 16, 15
    radiograph.WindowCenter, radiograph.WindowWidth = 32768, 50000
    radiograph.save_as(target, enforce_file_format=True)
    return {"small film": next((folder / "dicom").glob("*.dcm")).read_bytes(), "radiograph": target.getvalue()}


def _made_model(folder: Path) -> Path:
    (folder / "versions").mkdir()
    (folder / "versions" / "1").symlink_to(make_untrained_model(folder))
    return folder / "versions"


@contextmanager
def _gateway(model_server: str, data_folder: Path) -> Iterator[str]:
    """Runs `radflow gateway` on a free port; gives its URL, once it answers."""
    settings = {"MODEL_SERVER": model_server, "MODELS": _NAME, "DATA_FOLDER": data_folder, "RATE_PER_MINUTE": 10**6}
    environment = os.environ | {f"{PREFIX}{name}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "cli.main", "gateway", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            told = (process.stdout or [""]).readline()
            yield next(word for word in told.split() if word.startswith("http"))
        finally:
            process.terminate()
            process.wait(60)


def _measure(data: bytes, address: str, url: str, arguments: argparse.Namespace) -> Blocks:
    with (
        httpx.Client(base_url=url, timeout=60) as http,
        ModelClient(address, _NAME) as client,
        ThreadPoolExecutor(1, initializer=_give_way) as decoder,
    ):
        task = client.describe().task

        def upload() -> None:
            answer = http.post("/api/v1/studies", files=[("files", ("film", data))]).raise_for_status().json()
            if not answer["predictions"]:
                raise SystemExit("an answer holds no prediction: nothing was measured")

        def bare() -> None:
            made = decoder.submit(serving_examples, data, task=task).result()
            client.predict([one.serialized for one in made])

        for call in (upload, bare) * _WARM_UP:
            call()
        pair = partial(_pair, upload, bare)
        return [[pair() for _ in range(arguments.uploads)] for _ in range(arguments.blocks)]


def _give_way() -> None:
    """Gives the calling thread the priority of a decoder (Linux has one for each thread)."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICE)


def _pair(*calls: Callable[[], None]) -> tuple[float, ...]:
    """Returns the milliseconds of each call."""
    times = []
    for call in calls:
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return tuple(times)


def _times(blocks: Blocks) -> dict[str, str]:
    """Returns what an upload and the bare calls took over all blocks, as text."""
    sides = zip(*(pair for block in blocks for pair in block), strict=True)
    return {
        what: f"p50 {median(times):.1f} ms, p95 {quantiles(times, n=20)[-1]:.1f} ms"
        for what, times in zip(("upload", "bare"), sides, strict=True)
    }


if __name__ == "__main__":
    sys.exit(main())
