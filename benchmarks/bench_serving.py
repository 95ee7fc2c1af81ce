"""Serving: scores and heatmaps over gRPC against the same serialized bytes through a session call in this process.

    python benchmarks/bench_serving.py [--model DIR] [--image FILE] [--calls 48] [--blocks 7] [--clients 1 4 16]
                                       [--server-option=--enable_batching ...]

The server is `python -m serving.server` in a process of its own, the clients are threads of this one with
`serving.client`, so that all share this machine's cores. In each block the calls of one thread to the session come
first and last, half of them each, and between them those of 1, 4 and 16 clients. Without --model the benchmark makes
one: MobileNetV2 at 224 x 224 with random weights, exported with its Transform graph as the Trainer does it, so that a
call decodes, resizes and scores, as with a pushed model. Targets, for scores: p50 at one client at most 1.2 of the
session call's, throughput at 16 clients at least 1.0.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import cv2
import numpy as np
from ratios import Ratio, load_average, print_result
from untrained_model import make_untrained_model

from data_schemas.served_folder import version_folders
from imaging.example import serving_examples
from serving.child_server import child_server
from serving.client import ModelClient
from serving.tensors import string_array

P50_TARGET, THROUGHPUT_TARGET = 1.2, 1.0
_WARM_UP = 10
_PACKAGES = ("grpcio", "tensorflow", "protobuf", "numpy")


@dataclass(frozen=True)
class Load:
    """What one block of calls took: each call's milliseconds, and the calls a second."""

    times: Sequence[float]
    throughput: float

    @property
    def p50(self) -> float:
        """The median time of a call in milliseconds."""
        return median(self.times)

    @property
    def p95(self) -> float:
        """The time in milliseconds that 95 % of the calls took at most."""
        return quantiles(self.times, n=20)[-1]


Blocks = list[dict[int, Load]]
"""For each block, what the calls took by the number of clients; 0 is one thread's calls to the session."""


def main() -> int:
    """Measures and prints; returns 0, whether the targets are met or not."""
    arguments, load = _parse(), load_average()
    _quieten()
    with tempfile.TemporaryDirectory() as scratch:
        made = partial(make_untrained_model, Path(scratch), backbone="mobilenet_v2", alpha=1.0)
        version = _version_folder(arguments.model) if arguments.model else made()
        results, request_bytes = _measure(version, arguments)
    details = {
        "model": str(arguments.model or "MobileNetV2 at 224 x 224, random weights"),
        "server_options": " ".join(arguments.server_option) or "none",
        "request_bytes": request_bytes,
    }
    ratios: list[Ratio] = []
    for what, blocks in results.items():
        ratios += _ratios(what, blocks)
        details |= {f"{what} {name}": value for name, value in _times(blocks).items()}
    print_result("serving", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="OUTPUT/serving/TASK (newest version) or one version [makes one]")
    parser.add_argument("--image", type=Path, help="the image that is sent [noise of 512 x 512]")
    parser.add_argument("--calls", type=int, default=48, help="calls of each kind in a block [%(default)s]")
    parser.add_argument("--blocks", type=int, default=7, help="repetitions, for the spread [%(default)s]")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16], help="clients at once [1 4 16]")
    parser.add_argument("--server-option", action="append", default=[], help="a further flag of the server")
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


def _measure(version: Path, arguments: argparse.Namespace) -> tuple[dict[str, Blocks], int]:
    """Returns what each kind of call took, and the size of a request's example in bytes."""
    from serving.server.servable import Servable

    servable = Servable.load(version)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "1").symlink_to(version)
        with (
            child_server(Path(folder), name="model", options=arguments.server_option) as address,
            ModelClient(address, "model") as client,
        ):
            data = arguments.image.read_bytes() if arguments.image else _noise()
            example = serving_examples(data, task=client.describe().task)[0].serialized
            label = np.zeros(1, np.int64)
            inputs = {"inputs": string_array([example])}
            calls = {
                "score": (
                    partial(servable.run, "serving_default", inputs),
                    partial(client.predict, [example]),
                ),
                "explain": (
                    partial(servable.run, "explain", {**inputs, "label": label}),
                    partial(client.predict, [example], signature="explain", label=label),
                ),
            }
            results = {what: _blocks(*sides, arguments) for what, sides in calls.items()}
    servable.close()
    return results, len(example)


def _noise() -> bytes:
    """Returns a PNG of 512 x 512, 16 bits: what compresses worst, so that the request is as large as it gets."""
    image = np.random.default_rng(1).integers(0, 2**16, (512, 512), np.uint16)
    return cv2.imencode(".png", image)[1].tobytes()


def _blocks(direct: Callable[[], Any], remote: Callable[[], Any], arguments: argparse.Namespace) -> Blocks:
    np.testing.assert_allclose(remote().outputs["scores"], direct()["scores"], atol=1e-5)
    for _ in range(_WARM_UP):
        direct()
        remote()
    return [_block(direct, remote, arguments) for _ in range(arguments.blocks)]


def _block(direct: Callable[[], Any], remote: Callable[[], Any], arguments: argparse.Namespace) -> dict[int, Load]:
    half = arguments.calls // 2
    before = _load(direct, threads=1, calls=half)
    loads = {clients: _load(remote, threads=clients, calls=arguments.calls) for clients in arguments.clients}
    after = _load(direct, threads=1, calls=half)
    throughput = 2 / (1 / before.throughput + 1 / after.throughput)
    return {0: Load([*before.times, *after.times], throughput), **loads}


def _load(call: Callable[[], Any], *, threads: int, calls: int) -> Load:
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        times = list(pool.map(lambda _: _milliseconds(call), range(calls)))
        return Load(times, calls / (time.perf_counter() - started))


def _milliseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


def _ratios(what: str, blocks: Blocks) -> list[Ratio]:
    ratios = []
    for clients in (clients for clients in blocks[0] if clients):
        p50 = [block[clients].p50 / block[0].p50 for block in blocks]
        p95 = [block[clients].p95 / block[0].p95 for block in blocks]
        throughput = [block[clients].throughput / block[0].throughput for block in blocks]
        judged = what == "score"
        name = f"{what}, {clients} client{'s' if clients > 1 else ''}"
        p50_target = P50_TARGET if judged and clients == 1 else None
        ratios += [
            Ratio(f"{name}: p50 over a session call", p50, target=p50_target),
            Ratio(f"{name}: p95 over a session call", p95),
            Ratio(
                f"{name}: throughput over session calls",
                throughput,
                target=THROUGHPUT_TARGET if judged and clients == 16 else None,
                at_least=True,
            ),
        ]
    return ratios


def _times(blocks: Blocks) -> dict[str, str]:
    """Returns the medians over the blocks as text, by the kind of call."""
    names = {clients: f"{clients} clients" if clients else "session" for clients in blocks[0]}
    return {
        name: (
            f"p50 {median(block[clients].p50 for block in blocks):.1f} ms, "
            f"p95 {median(block[clients].p95 for block in blocks):.1f} ms, "
            f"{median(block[clients].throughput for block in blocks):.1f} a second"
        )
        for clients, name in names.items()
    }


if __name__ == "__main__":
    sys.exit(main())
