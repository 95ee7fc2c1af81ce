"""What a worker process is handed: a folder with the task, the images as the network sees them, and weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data_schemas.task import Task
from data_schemas.task_file import task_from_json, task_to_json
from models.split_data import SplitData

JOB_FILE = "job.json"
Splits = tuple[SplitData, SplitData]


def write_job(folder: Path, task: Task, splits: Splits, weights: Mapping[str, str]) -> None:
    """Writes what a worker needs; the images as files that workers map into memory, and so share.

    Args:
        folder: made anew; its owner alone may read it.
        task: the task.
        splits: `train` and `eval`.
        weights: pretrained weights' files by backbone, empty for random ones.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    for number, split in enumerate(splits):
        np.save(folder / f"images_{number}.npy", split.images)
        np.save(folder / f"labels_{number}.npy", split.labels)
    named = [{"example_ids": split.example_ids, "patients": split.patients} for split in splits]
    job = {"task": task_to_json(task), "weights": dict(weights), "splits": named}
    (folder / JOB_FILE).write_text(json.dumps(job))


def read_job(folder: Path) -> tuple[Task, Splits, dict[str, str]]:
    """Returns task, splits and weights that `write_job` wrote."""
    job = json.loads((folder / JOB_FILE).read_text())
    train, held_out = (
        SplitData(
            np.load(folder / f"images_{number}.npy", mmap_mode="r"),
            np.load(folder / f"labels_{number}.npy"),
            tuple(named["example_ids"]),
            tuple(named["patients"]),
        )
        for number, named in enumerate(job["splits"])
    )
    return task_from_json(job["task"]), (train, held_out), job["weights"]
