"""Searches in a process of their own, for tests that kill it: `python -m tests.models.searches FOLDER`.

Training is stood in for by a wait and a number that the learning rate decides, and each one's begin and end are noted.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_schemas.task import Task
from models.split_data import SplitData
from tests.models.tasks import demo_task

SIZE = 16
RATE = {"min": 1e-4, "max": 1e-2, "log": True}


def search_task(**tuning: Any) -> Task:
    """Returns a task that searches for a learning rate."""
    settings = {"enabled": True, "max_trials": 4, "epochs": 1, "learning_rate": RATE} | tuning
    training = {"batch_size": 16, "augmentation": {}}
    return demo_task(image={"size": (SIZE, SIZE)}, training=training, tuning=settings)


def tiny_split(seed: int, count: int = 24) -> SplitData:
    """Returns images of which the brightness tells the label."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 3)
    images = rng.random((count, SIZE, SIZE, 1), np.float32) * 0.5 + 0.2 * labels[:, None, None, None]
    names = tuple(map(str, range(count)))
    return SplitData(images.astype(np.float32), labels, names, names)


def tiny_splits() -> tuple[SplitData, SplitData]:
    """Returns `train` and `eval`."""
    return tiny_split(1), tiny_split(2)


@dataclass
class StandIn:
    """What is looked at of a trained network."""

    best: dict[str, float]
    history: tuple[str, ...] = ("an epoch",)


def main(folder: Path) -> None:
    """Searches, and notes in `folder/notes.txt` what each training does."""
    import models.tuning

    logging.getLogger("radflow.progress").addHandler(logging.StreamHandler(sys.stderr))
    logging.getLogger("radflow.progress").setLevel(logging.INFO)
    seconds = float(os.environ.get("SECONDS_A_TRAINING", "0.3"))

    def train(task: Task, *splits: SplitData, weights: Path | None) -> StandIn:
        with (folder / "notes.txt").open("a") as notes:
            notes.write(f"begin {task.training.seed} {task.training.learning_rate!r}\n")
            notes.flush()
            time.sleep(seconds)
            notes.write(f"end {task.training.seed} {task.training.learning_rate!r}\n")
        return StandIn({"eval_auc": 0.5 + 40 * task.training.learning_rate})

    models.tuning.train = train
    task = search_task(
        max_trials=int(os.environ.get("TRIALS", "5")), parallel_trials=int(os.environ.get("PARALLEL_TRIALS", "1"))
    )
    tuner = models.tuning.TaskTuner(task, tiny_splits(), weights={}, folder=folder)
    tuner.search()
    (folder / "results.json").write_text(tuner.results().model_dump_json())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
