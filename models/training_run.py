"""One run of the Trainer: reads the splits, fits, freezes what `calibration` says, exports, writes what it saw."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_transform as tft
import yaml

from data_schemas.description import ModelDescription
from data_schemas.errors import DataRefused
from data_schemas.model_files import (
    ASSETS,
    CONTACT_SHEET_FILE,
    DESCRIPTION_FILE,
    EVAL_SCORES_FILE,
    EXPLANATION_CHECKS_FILE,
    HISTORY_FILE,
    LOG_FOLDER,
    TASK_FILE,
    TRAINING_PATIENTS_FILE,
)
from data_schemas.task import Task
from data_schemas.task_file import task_from_json, task_to_json
from data_schemas.training_cluster import ELSEWHERE, WORKERS_VARIABLE, training_cluster
from evaluation.calibration import calibrated_logits, to_probabilities
from evaluation.decision_rules import CalibrationCases, fit_decision_rules
from evaluation.prevalence import carried, complete, logit_shift
from models.contact_sheet import write_contact_sheet
from models.explanation_checks import check_explanations
from models.export import export_model
from models.fitting import Forward
from models.scope import ScopeModel, fit_scope, scope_scores
from models.split_data import PROGRESS, SplitData, load_split
from models.training import Trained, train
from models.training_parallel import train_on_cluster
from models.training_summary import write_training_data
from models.tuning_space import apply_hyperparameters

_USES = {"train": "train on", "eval": "stop on", "calibration": "calibrate on"}


def run_training(fn_args: Any) -> None:
    """Trains the task in `fn_args.custom_config` and writes the model and the `model_run` artifact.

    Args:
        fn_args: TFX's `FnArgs`; `custom_config` holds `task` (JSON), `weights` (paths by backbone, empty for random
            ones), `pseudonym_key_id`, and `unfinished`, a folder in which a stopped training is found again by the
            next run.
    """
    config = fn_args.custom_config
    task = task_from_json(config["task"])
    if fn_args.hyperparameters:
        task = apply_hyperparameters(task, fn_args.hyperparameters["values"])
    cluster, elsewhere = training_cluster(), os.environ.get(WORKERS_VARIABLE) == ELSEWHERE
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    run_folder = Path(fn_args.model_run_dir)
    run_folder.mkdir(parents=True, exist_ok=True)
    state_folder = Path(config["unfinished"]) / _identity(fn_args, task)
    weights = config["weights"][task.model.backbone]
    # Decoded images may be too many for the RAM; on disk they stay no longer than they are needed.
    with tempfile.TemporaryDirectory(dir=run_folder) as scratch:
        splits = read_splits(fn_args, transform, task, Path(scratch), names=("train", "eval", "calibration"))
        counts = ", ".join(f"{len(splits[name])} to {what}" for name, what in _USES.items())
        PROGRESS.info("images: %s", counts)
        fitted_on = splits["train"], splits["eval"]
        weights_file = Path(weights) if weights else None
        if cluster or elsewhere:  # what follows finds the training ended, and takes up its state
            train_on_cluster(
                task, fitted_on, cluster=None if elsewhere else cluster, weights=weights_file, state_folder=state_folder
            )
        trained = train(
            task, *fitted_on, weights=weights_file, state_folder=state_folder, log_folder=run_folder / LOG_FOLDER
        )
        _keep(trained, splits, fn_args=fn_args, transform=transform, task=task)
        shutil.rmtree(state_folder, ignore_errors=True)


def _keep(
    trained: Trained, splits: dict[str, SplitData], *, fn_args: Any, transform: tft.TFTransformOutput, task: Task
) -> None:
    """Fits what decides on the calibration split, and writes the model and what the run leaves."""
    run_folder, model_folder = Path(fn_args.model_run_dir), Path(fn_args.serving_model_dir)
    scope = fit_scope(trained.network, splits["train"], seed=task.training.seed)
    description = _describe(task, trained, scope, splits["calibration"])
    export_model(trained.network, transform, description=description, scope=scope, folder=model_folder)
    key_id = fn_args.custom_config["pseudonym_key_id"]
    _write_assets(model_folder / ASSETS, description, list(splits.values()), key_id=key_id)
    write_training_data(model_folder / ASSETS, fn_args.train_files)
    _write_run(run_folder, trained, splits["eval"], description=description)
    write_contact_sheet(run_folder / CONTACT_SHEET_FILE, splits["train"], task)
    (run_folder / EXPLANATION_CHECKS_FILE).write_text(
        json.dumps(check_explanations(trained.network, splits["eval"], task))
    )


def read_splits(
    fn_args: Any, transform: tft.TFTransformOutput, task: Task, scratch: Path, *, names: tuple[str, ...]
) -> dict[str, SplitData]:
    """Returns splits by name; `fn_args.eval_files` has those of every split but `train`."""
    patterns = {name: [one for one in fn_args.eval_files if f"Split-{name}" in one] for name in names}
    patterns["train"] = list(fn_args.train_files)
    return {
        name: load_split(
            patterns[name],
            transform=transform,
            task=task,
            scratch=scratch,
            name=name,
            may_be_empty=name == "calibration",
        )
        for name in names
    }


def _identity(fn_args: Any, task: Task) -> str:
    """Returns a digest of all that a training depends on: one that was stopped is gone on with for the same alone."""
    config = fn_args.custom_config
    weights = config["weights_digests"][task.model.backbone]
    parts = [task_to_json(task), weights, config["code_digest"], fn_args.transform_graph_path]
    return hashlib.sha256("\0".join([*parts, *fn_args.train_files, *fn_args.eval_files]).encode()).hexdigest()[:16]


def _describe(task: Task, trained: Trained, scope: ScopeModel, split: SplitData) -> ModelDescription:
    """Returns what the model says of itself, with all that is fitted on the calibration split."""
    cases = CalibrationCases(
        labels=split.labels,
        logits=Forward(trained.network.model)(split.images),
        patients=np.array(split.patients),
        studies=np.array(split.studies),
        ids=np.array(split.example_ids),
        scope_scores=scope_scores(trained.network, scope, split.images),
    )
    rules = fit_decision_rules(cases, task=task, class_weights=trained.class_weights)
    if rules.left_out:
        PROGRESS.info("calibration studies left out, as their images have different findings: %d", rules.left_out)
    return ModelDescription(
        task=task,
        operating_points=rules.operating_points,
        prevalence=rules.prevalence,
        deployment_prevalence=_deployment_prevalence(task, rules.prevalence),
        calibration=rules.calibration,
        conformal=rules.conformal,
        scope=rules.scope,
        radflow_version=metadata.version("radflow"),
    )


def _deployment_prevalence(task: Task, calibration: dict[str, float]) -> dict[str, float] | None:
    if not task.deployment_prevalence:
        return None
    unseen = [name for name, share in calibration.items() if not 0 < share < 1]
    if unseen:
        plural = "images" if task.unit == "image" else "studies"
        raise DataRefused(
            f"deployment_prevalence is declared, and the calibration split has no {task.unit}, or none but {plural}, "
            f"of {', '.join(unseen)}: give the calibration split more patients, or remove the declaration"
        )
    return complete(task.deployment_prevalence, task.labels)


def _write_assets(folder: Path, description: ModelDescription, splits: list[SplitData], *, key_id: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION_FILE).write_text(description.model_dump_json(indent=2))
    (folder / TASK_FILE).write_text(yaml.safe_dump(description.task.model_dump(mode="json"), sort_keys=False))
    patients = sorted({patient for split in splits for patient in split.patients})
    (folder / TRAINING_PATIENTS_FILE).write_text(json.dumps({"pseudonym_key_id": key_id, "patients": patients}))


def _write_run(folder: Path, trained: Trained, eval_split: SplitData, *, description: ModelDescription) -> None:
    scores = expected_scores(trained.eval_logits, description)
    (folder / EVAL_SCORES_FILE).write_text(
        json.dumps({"example_ids": eval_split.example_ids, "scores": scores.tolist()})
    )
    (folder / HISTORY_FILE).write_text(json.dumps(trained.history, indent=1))


def expected_scores(logits: np.ndarray, description: ModelDescription) -> np.ndarray:
    """Returns the scores (n, labels) that the exported graph must give for logits: computed apart from it, in numpy."""
    labels = description.task.labels
    scores = to_probabilities(calibrated_logits(logits, description.calibration), labels.type)
    if description.deployment_prevalence is None:
        return scores
    shift = logit_shift(description.prevalence, description.deployment_prevalence, labels)
    return carried(scores, shift, labels)
