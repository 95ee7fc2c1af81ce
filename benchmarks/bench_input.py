"""The input of a training: batches a second by themselves over training steps a second, and what a step waits for.

    python benchmarks/bench_input.py [--images 512] [--steps 16] [--blocks 5]

Batches come from `models.split_data.training_batches` with the augmentation of chest_xray_pneumonia at 224 px, once
from arrays in RAM and once from a memory map that the system dropped from its cache. A step fits the task's network,
MobileNet of width 0.25 with BatchNorm frozen, the lightest of the pretrained backbones: a heavier one waits less. Input
and step share the same CPUs. Targets: alone, the input is at least 1.5 times as fast as the step; together, at most a
tenth of an epoch is spent waiting for a batch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ratios import Ratio, load_average, print_result

from data_schemas.task import Task
from data_schemas.task_file import load_task

_PACKAGES = ("keras", "tensorflow", "numpy")
_FASTER, _WAITED = 1.5, 0.1


def main() -> int:
    """Measures and prints; returns 0, whether the targets are met or not."""
    arguments, load = _parse(), load_average()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    task = load_task("chest_xray_pneumonia")
    with tempfile.TemporaryDirectory() as scratch:
        blocks = _measure(task, Path(scratch) / "images.npy", arguments)
    ratios = []
    for where in ("RAM", "disk"):
        faster = [block[where] / block["step"] for block in blocks]
        waited = [block[f"{where}, waited"] for block in blocks]
        ratios += [
            Ratio(f"input from {where}, images a second over a training step's", faster, _FASTER, at_least=True),
            Ratio(f"share of an epoch that waits for input from {where}", waited, _WAITED),
        ]
    names = {"step": "step", "RAM": "input_from_RAM", "disk": "input_from_disk"}
    details = {f"{names[name]}_images_a_second": round(median(block[name] for block in blocks), 1) for name in names}
    print_result("input", ratios, packages=_PACKAGES, details=details | {"images": arguments.images}, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=512, help="of the split [%(default)s]")
    parser.add_argument("--steps", type=int, default=16, help="batches of each measurement [%(default)s]")
    parser.add_argument("--blocks", type=int, default=5, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _measure(task: Task, file: Path, arguments: argparse.Namespace) -> list[dict[str, float]]:
    """Returns for each block images a second of step and inputs alone, and shares of waiting."""
    shape = (arguments.images, *task.image.size, task.channels)
    images = np.random.default_rng(1).random(shape, np.float32)
    np.save(file, images)
    labels = np.arange(len(images), dtype=np.int64) % len(task.labels.names)
    fitting, batch, steps = _fitting(task, labels), task.training.batch_size, arguments.steps
    sources = {"RAM": lambda: images, "disk": lambda: _cold_map(file)}
    same = fitting.batches(_batches(task, images, labels).take(1).cache().repeat())
    fitting.run(same, 2, say=_silent)
    blocks = []
    for number in range(arguments.blocks):
        block = {"step": batch * steps / _seconds(lambda: fitting.run(same, steps, say=_silent))}
        # Both take their turn at being first.
        for where in list(sources)[:: 1 if number % 2 else -1]:
            block[where] = _drained(_batches(task, sources[where](), labels), steps, batch=batch)
            block[f"{where}, waited"] = _waited(fitting, _batches(task, sources[where](), labels), steps)
        blocks.append(block)
    return blocks


def _fitting(task: Task, labels: np.ndarray) -> Any:
    """Returns the task's training step, all layers, as a training from pretrained weights has it."""
    from models.devices import find_devices
    from models.fitting import Fitting
    from models.losses import class_weights, make_loss
    from models.network import build_network
    from models.optimizers import make_parts

    devices, rate = find_devices(task.training.precision), task.training.learning_rate
    with devices.building():
        network = replace(build_network(task, weights=None), pretrained=True)
        network.set_backbone_trainable(True)
        parts = make_parts(network, task.training, rate=rate, backbone_rate=rate, steps=None, scale_loss=False)
    loss = make_loss(class_weights(labels, task=task), task=task)
    return Fitting(network.model, parts, loss=loss, devices=devices, jit_compile=network.jit_compile)


def _batches(task: Task, images: np.ndarray, labels: np.ndarray) -> Any:
    from models.augmentation import make_augment, make_mixup
    from models.losses import to_targets
    from models.split_data import SplitData, training_batches

    names = tuple(map(str, range(len(images))))
    return training_batches(
        SplitData(images, labels, names, names),
        to_targets(labels, task=task),
        batch_size=task.training.batch_size,
        seed=1,
        epochs=range(1000),
        augment=make_augment(task.training.augmentation),
        mix=make_mixup(task.training.augmentation),
    )


def _cold_map(file: Path) -> np.ndarray:
    """Returns the images as a memory map, once the system has forgotten what it knew of the file."""
    handle = os.open(file, os.O_RDONLY)
    with suppress(AttributeError):  # macOS has no such call, and reads a warm file
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)
    return np.load(file, mmap_mode="r")


def _drained(dataset: Any, steps: int, *, batch: int) -> float:
    """Returns images a second of batches that nobody uses, after a first one."""
    batches = iter(dataset)
    next(batches)
    return batch * steps / _seconds(lambda: [next(batches) for _ in range(steps)])


def _waited(fitting: Any, dataset: Any, steps: int) -> float:
    """Returns the share of so many steps, after a first one, in which no batch was ready."""
    waited = 0.0

    def counted(batches: Iterator[Any]) -> Iterator[Any]:
        nonlocal waited
        while True:
            started = time.perf_counter()
            one = next(batches)
            waited += time.perf_counter() - started
            yield one

    batches = counted(fitting.batches(dataset))
    fitting.run(batches, 1, say=_silent)
    waited = 0.0
    seconds = _seconds(lambda: fitting.run(batches, steps, say=_silent))
    return waited / seconds


def _seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _silent(step: int, loss: float) -> None:
    """What a training tells while it runs is not wanted here."""


if __name__ == "__main__":
    sys.exit(main())
