"""What MONAI's bundles say of a model in `metadata.json`, said of this one: its inputs, outputs and versions."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.chapters.summary import RESEARCH_ONLY
from reports.report_data import ReportData

NOT_USED = "n/a"
"""MONAI and PyTorch have no part in the model, and the keys are mandatory."""


def bundle_metadata(data: ReportData) -> dict[str, Any]:
    """Returns the mandatory keys of MONAI's bundle specification, and the optional ones that are known."""
    task = data.description.task
    return {
        "version": data.run,
        "changelog": {data.run: "made by this run"},
        "monai_version": NOT_USED,
        "pytorch_version": NOT_USED,
        "numpy_version": np.__version__,
        "optional_packages_version": dict(data.lineage.versions) if data.lineage else {},
        "task": task.title,
        "description": f"{task.intended_use} {task.population}",
        "authors": "not declared",
        "copyright": "not declared",
        "intended_use": f"{task.intended_use} {RESEARCH_ONLY}",
        "data_source": task.population,
        "data_type": "dicom",
        "image_classes": f"{task.channels} channel(s), 0 to 1, padding 0",
        "label_classes": task.reference_standard,
        "pred_classes": f"probability of each of {', '.join(task.labels.names)}",
        "eval_metrics": _metrics(data),
        "references": [],
        "network_data_format": {"inputs": {"image": _input(data)}, "outputs": {"scores": _output(data)}},
    }


def _metrics(data: ReportData) -> dict[str, float]:
    if data.evaluation is None:
        return {}
    found = {
        f"{finding}_{name}": metrics[name].value
        for finding, metrics in data.evaluation.overall.findings.items()
        for name in ("auroc", "sensitivity", "specificity")
    }
    return {name: value for name, value in found.items() if value is not None}


def _input(data: ReportData) -> dict[str, Any]:
    task = data.description.task
    windows = task.intensity.windows
    names = [f"window {one.center:g} of width {one.width:g}" for one in windows] or ["image"]
    return {
        "type": "image",
        "format": "magnitude",
        "modality": ", ".join(task.modalities),
        "num_channels": task.channels,
        "spatial_shape": list(task.image.size),
        "dtype": "float32",
        "value_range": [0, 1] if task.image.normalization == "unit" else [],
        "is_patch_data": False,
        "channel_def": {str(index): name for index, name in enumerate(names)},
    }


def _output(data: ReportData) -> dict[str, Any]:
    names = data.description.task.labels.names
    return {
        "type": "probabilities",
        "format": "classes",
        "modality": NOT_USED,
        "num_channels": len(names),
        "spatial_shape": [],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {str(index): name for index, name in enumerate(names)},
    }
