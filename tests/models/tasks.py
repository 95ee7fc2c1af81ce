"""Tasks for tests: the demo's, changed where a test says so."""

from __future__ import annotations

from typing import Any

from data_schemas.task import Task
from data_schemas.task_file import load_task


def demo_task(**sections: Any) -> Task:
    """Returns the demo's task with some keys of some sections replaced, checked anew."""
    return _changed(load_task("synthetic_chest").model_dump(), sections)


def multi_label_task(**sections: Any) -> Task:
    """Returns a multi-label task with the findings a and b."""
    labels = {"type": "multi_label", "names": ("a", "b"), "no_finding": None}
    gates = ({"name": "a AUROC", "metric": "auroc", "finding": "a", "min": 0.5},)
    return _changed(load_task("synthetic_chest").model_dump() | {"labels": labels, "gates": gates}, sections)


def _changed(value: dict[str, Any], sections: dict[str, Any]) -> Task:
    for section, changes in sections.items():
        value[section] = value[section] | changes if isinstance(value[section], dict) else changes
    return Task.model_validate(value)
