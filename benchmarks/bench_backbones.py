"""Backbones: a training step in float32, with XLA and in bfloat16, on this CPU, as ratios of one run.

    python benchmarks/bench_backbones.py [--only mobilenet vgg16] [--variants bfloat16] [--blocks 5] [--limit 60]

Each backbone is trained in three processes, one a variant, which wait for each other and take their steps in turn, so
that a busy machine is busy for all three. What the first step takes, tracing and compiling, is told apart, in seconds
of CPU time, which other work on the machine does not stretch; a variant whose first step takes more than the limit is
given up. The rows of `models/backbones.py` hold what was measured: XLA or bfloat16 where the ratio is below 0.9.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ratios import Ratio, load_average, print_result

VARIANTS = {"float32": (False, "float32"), "xla": (True, "float32"), "bfloat16": (False, "mixed_bfloat16")}
"""jit_compile and Keras' dtype policy of each."""
_PACKAGES = ("keras", "tensorflow", "numpy")
_STEPS = 3
_LABELS = 2
_PATIENCE_S = 1.0
_HOPELESS = 3.0


def main() -> int:
    """Measures and prints; returns 0."""
    arguments, load = _parse(), load_average()
    ratios, details = [], {}
    for name in arguments.only:
        first, blocks = _measure(name, arguments)
        details[name] = _summary(first, blocks)
        print(f"{name}: {details[name]}", flush=True)
        for variant in sorted(set(blocks) - {"float32"}) if "float32" in blocks else ():
            pairs = zip(blocks[variant], blocks["float32"], strict=False)
            ratios.append(Ratio(f"{name}: {variant} over float32", [ours / plain for ours, plain in pairs]))
            print(ratios[-1].line(), flush=True)
    details |= {"side": arguments.side, "batch_size": arguments.batch, "steps_a_block": _STEPS}
    print_result("backbones", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    from models.backbones import BACKBONES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(BACKBONES), default=list(BACKBONES), metavar="NAME")
    others = tuple(name for name in VARIANTS if name != "float32")
    parser.add_argument("--variants", nargs="*", choices=others, default=others, help="beside float32 [%(default)s]")
    parser.add_argument("--side", type=int, default=96, help="rows and columns of an image [%(default)s]")
    parser.add_argument("--batch", type=int, default=16, help="images in a step [%(default)s]")
    parser.add_argument("--blocks", type=int, default=5, help="repetitions, for the spread [%(default)s]")
    parser.add_argument("--limit", type=float, default=60, help="CPU seconds that a first step may take [%(default)s]")
    return parser.parse_args()


def _measure(name: str, arguments: argparse.Namespace) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Returns the CPU seconds of the first step and what leads to it, and the seconds of a step in each block."""
    context = multiprocessing.get_context("spawn")
    ready: dict[str, tuple[Any, Connection]] = {}
    first, blocks = {}, {}
    for variant in ("float32", *arguments.variants):
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_steps, args=(name, variant, arguments.side, arguments.batch, theirs), daemon=True
        )
        process.start()
        theirs.close()
        first[variant] = _receive(ours, process.pid, limit=arguments.limit)
        if first[variant]:
            ready[variant], blocks[variant] = (process, ours), []
        else:
            process.kill()
    for block in range(arguments.blocks):
        for variant, (_, connection) in ready.items():
            if not _hopeless(blocks, variant):
                connection.send(_STEPS if block else 1)
                blocks[variant].append(connection.recv())
    for process, connection in ready.values():
        connection.send(0)
        process.join()
    return first, blocks


def _hopeless(blocks: dict[str, list[float]], variant: str) -> bool:
    """Tells whether the first block settled that a variant is no help, so that no more time goes into it."""
    first, plain = blocks[variant][:1], blocks.get("float32", [])[:1]
    return bool(first and plain and first[0] > _HOPELESS * plain[0])


def _receive(connection: Connection, process: int, *, limit: float) -> float:
    """Returns the number that comes before a process has used so many CPU seconds; 0 where none does, or it died."""
    with suppress(EOFError, OSError):
        while _cpu_seconds(process) < limit:
            if connection.poll(_PATIENCE_S):
                return float(connection.recv())
    return 0.0


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _steps(name: str, variant: str, side: int, batch: int, connection: Connection) -> None:
    """Trains in a process of its own: sends the CPU seconds of its first step, then of as many as it is asked for."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    images = np.random.default_rng(1).random((batch, side, side, 1), np.float32)
    labels = np.arange(batch, dtype=np.int64) % _LABELS
    import keras

    jit_compile, policy = VARIANTS[variant]
    keras.config.set_dtype_policy(policy)
    started = time.process_time()
    model = _network(name, side)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-4), loss=loss, jit_compile=jit_compile)
    model.train_on_batch(images, labels)
    connection.send(time.process_time() - started)
    model.train_on_batch(images, labels)
    while steps := connection.recv():
        started = time.perf_counter()
        for _ in range(steps):
            model.train_on_batch(images, labels)
        connection.send((time.perf_counter() - started) / steps)


def _network(name: str, side: int) -> Any:
    from data_schemas.task_file import load_task
    from models.network import build_network

    task = load_task("chest_xray_pneumonia")
    model = task.model.model_copy(update={"backbone": name, "alpha": None, "weights": "none"})
    size = task.image.model_copy(update={"size": (side, side)})
    return build_network(task.model_copy(update={"model": model, "image": size}), weights=None).model


def _summary(first: dict[str, float], blocks: dict[str, list[float]]) -> dict[str, Any]:
    """Returns each variant's milliseconds a step and CPU seconds of its first; `None` for one that was given up."""
    return {
        variant: {
            "step_ms": round(1e3 * median(blocks[variant]), 1) if variant in blocks else None,
            "first_step_cpu_s": round(first[variant], 1) or None,
        }
        for variant in first
    }


if __name__ == "__main__":
    sys.exit(main())
