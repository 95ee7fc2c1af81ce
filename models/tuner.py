"""What TFX's Tuner calls. Thin on purpose: TFX reloads the module that holds a user function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow_transform as tft
from tfx.components.tuner.component import TunerFnResult

from data_schemas.task_file import task_from_json
from models.split_data import load_split
from models.tuning import TaskTuner


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Returns the search over the tuning space of the task in `fn_args.custom_config`; `fn_args` is TFX's `FnArgs`."""
    task = task_from_json(fn_args.custom_config["task"])
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    scratch = Path(fn_args.working_dir) / "cache"
    train_split, eval_split = (
        load_split(patterns, transform=transform, task=task, scratch=scratch, name=name)
        for name, patterns in (("train", fn_args.train_files), ("eval", fn_args.eval_files))
    )
    weights = fn_args.custom_config.get("weights")
    tuner = TaskTuner(
        task,
        train_split,
        eval_split=eval_split,
        weights=Path(weights) if weights else None,
        directory=fn_args.working_dir,
    )
    return TunerFnResult(tuner=tuner, fit_kwargs={})
