"""Hyperparameters of a former search, as a file that a later run takes in place of a search of its own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from data_schemas.errors import ConfigurationError
from data_schemas.model_files import HYPERPARAMETERS_FILE, TRIALS_FILE
from data_schemas.task import Task
from models.tuning_space import apply_hyperparameters, own_values


def read_hyperparameters(source: Path, task: Task) -> dict[str, Any]:
    """Returns the hyperparameters in a file or of a former run, once it is clear that the task can take them.

    Args:
        source: a JSON file, KerasTuner's (`best_hyperparameters.txt`) or a mapping of names to values; or the output
            folder of a run, of which the newest search for a task of this name counts.
        task: the task.

    Raises:
        ConfigurationError: there is no such file, it holds no hyperparameters, or the task cannot take them.
    """
    path = source
    try:
        path = _newest(source, task) if source.is_dir() else source
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"--hyperparameters {path}: {error.strerror}; name a file, or a run's output"
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"--hyperparameters {path} is not JSON ({error}); name a Tuner's {HYPERPARAMETERS_FILE}, or write a "
            'mapping like {"learning_rate": 0.001}'
        ) from error
    values = content.get("values", content) if isinstance(content, dict) else None
    if not isinstance(values, dict) or not own_values(values):
        raise ConfigurationError(
            f"--hyperparameters {path} has no values; write a mapping of names to values, like "
            '{"learning_rate": 0.001}'
        )
    apply_hyperparameters(task, values, mend=f"mend {path}, or the task")
    return own_values(values)


def write_hyperparameters(values: dict[str, Any], folder: Path) -> Path:
    """Writes hyperparameters as the artifact that TFX's Trainer reads; returns its folder.

    The folder's name changes with the content, so that TFX's cache sees another artifact when the values differ.
    """
    content = json.dumps({"space": [], "values": values}, sort_keys=True)
    artifact = folder / hashlib.sha256(content.encode()).hexdigest()[:16]
    artifact.mkdir(parents=True, exist_ok=True)
    (artifact / HYPERPARAMETERS_FILE).write_text(content)
    return artifact


def with_hyperparameters(task: Task, values: dict[str, Any]) -> Task:
    """Returns the task with a former search's values in place of its own, and without a search.

    Raises:
        ConfigurationError: the task cannot take them.
    """
    changed = apply_hyperparameters(task, values)
    return changed.model_copy(update={"tuning": changed.tuning.model_copy(update={"enabled": False})})


def _newest(output: Path, task: Task) -> Path:
    """Returns the file of the newest search for a task of this name in an output folder."""
    if (output / HYPERPARAMETERS_FILE).is_file():
        return output / HYPERPARAMETERS_FILE
    tuner = output / "pipeline" / "Tuner"
    found = [
        int(path.parent.name)
        for path in tuner.glob(f"tuner_results/*/{TRIALS_FILE}")
        if json.loads(path.read_text()).get("task") == task.name
    ]
    if not found:
        raise ConfigurationError(
            f"--hyperparameters {output}: no search for the task {task.name} ended there; name another run's output, "
            f"or a file like a Tuner's {HYPERPARAMETERS_FILE}"
        )
    return tuner / "best_hyperparameters" / str(max(found)) / HYPERPARAMETERS_FILE
