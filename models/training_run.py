"""One run of the Trainer: reads the splits, fits, chooses operating points on `eval`, exports, writes what it saw."""

from __future__ import annotations

import json
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_transform as tft
import yaml

from data_schemas.description import ModelDescription
from data_schemas.model_files import (
    ASSETS,
    DESCRIPTION_FILE,
    EVAL_SCORES_FILE,
    HISTORY_FILE,
    TASK_FILE,
    TRAINING_PATIENTS_FILE,
)
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from evaluation.operating_points import youden
from models.export import export_model
from models.split_data import PROGRESS, SplitData, load_split
from models.training import Trained, to_scores, train
from models.tuning_space import apply_hyperparameters


def run_training(fn_args: Any) -> None:
    """Trains the task in `fn_args.custom_config` and writes the model and the `model_run` artifact.

    Args:
        fn_args: TFX's `FnArgs`; `custom_config` holds `task` (JSON) and `weights` (a path, or empty).
    """
    task = task_from_json(fn_args.custom_config["task"])
    if fn_args.hyperparameters:
        task = apply_hyperparameters(task, fn_args.hyperparameters["values"])
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    run_folder, model_folder = Path(fn_args.model_run_dir), Path(fn_args.serving_model_dir)
    run_folder.mkdir(parents=True, exist_ok=True)
    weights = fn_args.custom_config.get("weights")
    # Decoded images may be too many for the RAM; on disk they stay no longer than they are needed.
    with tempfile.TemporaryDirectory(dir=run_folder) as scratch:
        splits = [
            load_split(patterns, transform=transform, task=task, scratch=Path(scratch), name=name)
            for name, patterns in (("train", fn_args.train_files), ("eval", fn_args.eval_files))
        ]
        PROGRESS.info("%d images to train on, %d to stop on", len(splits[0]), len(splits[1]))
        trained = train(task, splits[0], splits[1], weights=Path(weights) if weights else None)
    description = _describe(task, trained, splits[1])
    export_model(trained.network, transform, description=description, folder=model_folder)
    _write_assets(model_folder / ASSETS, description, splits, key_id=fn_args.custom_config["pseudonym_key_id"])
    _write_run(run_folder, trained, splits[1], task=task)


def _describe(task: Task, trained: Trained, eval_split: SplitData) -> ModelDescription:
    scores = to_scores(trained.eval_logits, task=task)
    points, prevalence = {}, {}
    for index, name in enumerate(task.labels.names):
        truth = eval_split.labels == index if task.labels.type == "multi_class" else eval_split.labels[:, index]
        known = truth >= 0
        points[name] = youden(truth[known].astype(np.int64), scores[known, index])
        prevalence[name] = float(np.mean(truth[known])) if known.any() else 0.0
    return ModelDescription(
        task=task,
        operating_points=points,
        prevalence=prevalence,
        calibrated=False,
        radflow_version=metadata.version("radflow"),
    )


def _write_assets(folder: Path, description: ModelDescription, splits: list[SplitData], *, key_id: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION_FILE).write_text(description.model_dump_json(indent=2))
    (folder / TASK_FILE).write_text(yaml.safe_dump(description.task.model_dump(mode="json"), sort_keys=False))
    patients = sorted({patient for split in splits for patient in split.patients})
    (folder / TRAINING_PATIENTS_FILE).write_text(json.dumps({"pseudonym_key_id": key_id, "patients": patients}))


def _write_run(folder: Path, trained: Trained, eval_split: SplitData, *, task: Task) -> None:
    scores = to_scores(trained.eval_logits, task=task)
    (folder / EVAL_SCORES_FILE).write_text(
        json.dumps({"example_ids": eval_split.example_ids, "scores": scores.tolist()})
    )
    (folder / HISTORY_FILE).write_text(json.dumps(trained.history, indent=1))
