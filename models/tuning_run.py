"""One run of the Tuner: reads the splits, and opens the search that belongs to this task, data, weights and code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import tensorflow_transform as tft

from data_schemas.task import Task
from data_schemas.task_file import task_from_json, task_to_json
from models.training_run import read_splits
from models.tuning import TaskTuner

_BUDGET = ("max_trials", "max_minutes", "parallel_trials")


def open_search(fn_args: Any) -> TaskTuner:
    """Returns the search over the tuning space of a task, new or where a killed run left it.

    Args:
        fn_args: TFX's `FnArgs`; `custom_config` holds `task` (JSON), `weights` (paths by backbone), `weights_digests`,
            `code_digest` and `unfinished`, the folder that keeps what is not finished.
    """
    task, config = task_from_json(fn_args.custom_config["task"]), fn_args.custom_config
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    data = [*fn_args.train_files, *fn_args.eval_files, fn_args.transform_graph_path]
    digest = search_digest(task, data, code=config["code_digest"], weights=config["weights_digests"])
    folder = Path(config["unfinished"]) / digest
    # Decoded images that do not fit the memory lie with the search: a run that was killed leaves no copy elsewhere.
    splits = read_splits(fn_args, transform, task, folder / "cache", names=("train", "eval"))
    return TaskTuner(
        task,
        (splits["train"], splits["eval"]),
        weights=config["weights"],
        folder=folder,
    )


def search_digest(task: Task, data: list[str], *, code: str, weights: dict[str, str]) -> str:
    """Returns what tells one search from another; a larger budget goes on with the same one.

    Args:
        task: the task.
        data: URIs of the artifacts that it searches on, which are new whenever their content is.
        code: digest of the code.
        weights: digests of pretrained weights by backbone.
    """
    neutral = {name: type(task.tuning).model_fields[name].default for name in _BUDGET}
    task = task.model_copy(update={"tuning": task.tuning.model_copy(update=neutral)})
    parts = json.dumps([task_to_json(task), data, code, weights], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
