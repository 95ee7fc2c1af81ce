"""Training: an epoch of `models.training.train` against an epoch of plain `keras.Model.fit` on arrays in memory.

    python benchmarks/bench_epoch.py [--images 384] [--epochs 4] [--blocks 5]

Both sides train the network of the demo's task, with the same loss, optimizer and batch size, on the same images; the
first epoch of every fit, in which TensorFlow traces, is left out. Ours is timed as `train` itself tells it. It judges
every epoch on the eval split, which plain fit does not do; the split is held to one batch of 8 images here, and that
pass is counted on our side. Target: at most 1.05 without augmentation. With the task's augmentation, which plain fit
has none of, the ratio informs.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from statistics import median
from typing import Any

import numpy as np
from ratios import Ratio, load_average, print_result

from data_schemas.task import Task
from data_schemas.task_file import load_task
from data_schemas.training_settings import Augmentation

TARGET = 1.05
_EVAL_IMAGES = 8
_PACKAGES = ("keras", "tensorflow", "numpy")


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    augmented = _task(arguments.epochs)
    plain = _with_training(augmented, augmentation=Augmentation())
    splits = _split(augmented, images=arguments.images), _split(augmented, images=_EVAL_IMAGES)
    sides = [
        lambda: _keras_epoch(plain, *splits),
        lambda: _our_epoch(plain, *splits),
        lambda: _our_epoch(augmented, *splits),
    ]
    blocks = []
    for block in range(arguments.blocks):
        # Every side takes its turn at every place, so that no one of them always meets a warmer machine.
        order = [(block + place) % len(sides) for place in range(len(sides))]
        times = {side: sides[side]() for side in order}
        blocks.append([times[side] for side in range(len(sides))])
    ratios = [
        Ratio("epoch over plain Keras, no augmentation", [ours / keras for keras, ours, _ in blocks], target=TARGET),
        Ratio("epoch over plain Keras, with the task's augmentation", [more / keras for keras, _, more in blocks]),
    ]
    print_result("epoch", ratios, packages=_PACKAGES, details=_details(blocks, augmented, arguments), load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=384, help="images of an epoch [%(default)s]")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of a fit, 2 or more [%(default)s]")
    parser.add_argument("--blocks", type=int, default=5, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _task(epochs: int) -> Task:
    """Returns the demo's task, to be trained for so many epochs whatever happens on eval."""
    return _with_training(load_task("synthetic_chest"), epochs=epochs, patience=epochs, ema_momentum=0.0)


def _with_training(task: Task, **changes: Any) -> Task:
    return task.model_copy(update={"training": task.training.model_copy(update=changes)})


def _split(task: Task, *, images: int) -> Any:
    """Returns noise with labels in turn: what is in the images does not change how long they take."""
    from models.split_data import SplitData

    pixels = np.random.default_rng(1).random((images, *task.image.size, task.channels), np.float32)
    labels = np.arange(images, dtype=np.int64) % len(task.labels.names)
    names = tuple(map(str, range(images)))
    return SplitData(pixels, labels, names, names)


def _our_epoch(task: Task, train_split: Any, eval_split: Any) -> float:
    """Returns the median seconds of an epoch after the first."""
    import keras

    from models.training import train

    keras.backend.clear_session()
    history = train(task, train_split, eval_split, weights=None).history
    return median(row["seconds"] for row in history[1:])


def _keras_epoch(task: Task, train_split: Any, _: Any) -> float:
    """Returns the same of Keras alone."""
    import keras

    from models.losses import class_weights, make_loss, to_targets
    from models.network import build_network

    keras.backend.clear_session()
    network, training = build_network(task, weights=None), task.training
    loss = make_loss(class_weights(train_split.labels, task=task), task=task)
    steps = training.epochs * math.ceil(len(train_split) / training.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(training.learning_rate, decay_steps=steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=training.weight_decay)
    network.model.compile(optimizer, loss=loss, jit_compile=network.jit_compile)
    clock = _clock()
    network.model.fit(
        train_split.images,
        to_targets(train_split.labels, task=task),
        batch_size=training.batch_size,
        epochs=training.epochs,
        verbose=0,
        callbacks=[clock],
    )
    return median(clock.seconds[1:])


def _clock() -> Any:
    """Returns a callback that takes the time of each epoch in `seconds`."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._started = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds.append(time.monotonic() - self._started)

    return Clock()


def _details(blocks: list[list[float]], task: Task, arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("keras_epoch_s", "our_epoch_s", "our_epoch_with_augmentation_s")
    times = {name: round(median(column), 3) for name, column in zip(names, zip(*blocks, strict=True), strict=True)}
    network = f"{task.model.backbone}, {task.image.size[0]} x {task.image.size[1]} pixels"
    return {"network": network, "images": arguments.images, "batch_size": task.training.batch_size, **times}


if __name__ == "__main__":
    sys.exit(main())
