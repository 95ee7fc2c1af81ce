"""Our side of `monai_training_bench.py`, in a process of its own: epochs of `train`; prints wall and CPU seconds.

Each epoch is one block. What `train` tells of an epoch ends the block, and the next one waits for its turn.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import Any

import numpy as np

from data_schemas.task import Task
from data_schemas.task_file import load_task
from data_schemas.training_settings import Augmentation

_EVAL_IMAGES = 2
_ENDLESS = 1_000_000


def main() -> int:
    """Says `ready` after a first epoch, then prints the seconds of an epoch for each line that it reads."""
    arguments = _parse()
    from models.split_data import PROGRESS
    from models.training import train

    PROGRESS.setLevel(logging.INFO)
    PROGRESS.addHandler(_TakesTurns())
    PROGRESS.propagate = False
    task = _task(arguments)
    train(task, _split(task, arguments.batch * arguments.steps), _split(task, _EVAL_IMAGES), weights=None)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="densenet121")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--augment", action="store_true", help="as chest_xray_pneumonia does")
    parser.add_argument("--precision", default="float32", help="as a task names it [%(default)s]")
    return parser.parse_args()


class _TakesTurns(logging.Handler):
    """Takes the message that ends an epoch for the end of a block, and lets `train` go on when it is its turn."""

    def __init__(self) -> None:
        super().__init__()
        self._started = self._worked = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if "epoch" not in record.msg:
            return
        seconds = time.perf_counter() - self._started, time.process_time() - self._worked
        print(*seconds if self._started else ("ready",), flush=True)
        if not sys.stdin.readline():
            raise SystemExit(0)
        self._started, self._worked = time.perf_counter(), time.process_time()


def _task(arguments: argparse.Namespace) -> Task:
    """Returns a task that trains as MONAI's loop does: AdamW, cross-entropy, all layers, no averaged weights."""
    task = load_task("chest_xray_pneumonia")
    training: dict[str, Any] = {"frozen_epochs": 0, "epochs": _ENDLESS, "patience": _ENDLESS, "ema_momentum": 0.0}
    training |= {"label_smoothing": 0.0, "batch_size": arguments.batch, "precision": arguments.precision}
    if not arguments.augment:
        training["augmentation"] = Augmentation()
    parts = {
        "model": {"backbone": arguments.backbone, "weights": "none", "alpha": None},
        "image": {"size": (arguments.side, arguments.side)},
        "training": training,
    }
    return task.model_copy(
        update={name: getattr(task, name).model_copy(update=changes) for name, changes in parts.items()}
    )


def _split(task: Task, images: int) -> Any:
    """Returns noise with labels in turn: what is in the images does not change how long they take."""
    from models.split_data import SplitData

    pixels = np.random.default_rng(1).random((images, *task.image.size, task.channels), np.float32)
    names = tuple(map(str, range(images)))
    return SplitData(pixels, np.arange(images, dtype=np.int64) % len(task.labels.names), names, names)


if __name__ == "__main__":
    sys.exit(main())
