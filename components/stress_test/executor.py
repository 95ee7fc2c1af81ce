"""Scores the test split's images as they are and changed, and writes what moved."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.stress_test.results import write_stress
from components.stress_test.sample import Sample, read_sample
from components.stress_test.scoring import ExportedModel, Level, StressScores, stress_scores
from data_schemas.description import ModelDescription
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE
from data_schemas.stress_results import StressResults, StressRow
from evaluation.attribute_probe import probe_age, probe_sex
from evaluation.metrics import binary_labels
from evaluation.stress import stress_of_finding
from imaging.display import display_of
from imaging.perturbations import PERTURBATIONS

SPLIT = "test"
_progress = logging.getLogger("radflow.progress")


class Executor(base_executor.BaseExecutor):
    """Executor of StressTest."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `stress.json`.

        Raises:
            ConfigurationError: the test split has no image.
            ConfigurationError: the model was exported before its scores had their names.
        """
        model = Path(path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"])))
        folder = artifact_utils.get_split_uri(input_dict["examples"], SPLIT)
        results = stress_test(model, folder)
        write_stress(artifact_utils.get_single_uri(output_dict["stress"]), results)


def stress_test(model: Path, folder: str) -> StressResults:
    """Returns what the StressTest finds.

    Args:
        model: the SavedModel, with its description beside it.
        folder: the test split's TFRecord files.
    """
    description = ModelDescription.model_validate_json((model / ASSETS / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    sample = read_sample(folder, description.task.labels)
    levels = [(perturbation, level) for perturbation in PERTURBATIONS for level in perturbation.levels]
    scores = stress_scores(ExportedModel(model), sample, levels, display_of(description.task.intensity))
    _progress.debug("comparing %d changes", len(levels))
    return _results(description, sample, levels, scores)


def _results(
    description: ModelDescription, sample: Sample, levels: Sequence[Level], scores: StressScores
) -> StressResults:
    labels = description.task.labels
    found = {
        finding: stress_of_finding(
            binary_labels(sample.labels, labels.names.index(finding)),
            scores.unperturbed[:, labels.names.index(finding)],
            scores.changed[:, :, labels.names.index(finding)],
            patients=sample.patients,
            operating_point=description.operating_points[finding],
        )
        for finding in labels.findings
    }
    rows = [
        StressRow(
            name=perturbation.name,
            kind=perturbation.kind,
            level=perturbation.level_text(level),
            images_changed=int(scores.images_changed[index]),
            findings={finding: rows[index] for finding, (_, rows) in found.items()},
        )
        for index, (perturbation, level) in enumerate(levels)
    ]
    return StressResults(
        patients=len(set(sample.patients.tolist())),
        images=len(sample.records),
        test_patients=sample.test_patients,
        test_images=sample.test_images,
        sampling=sample.sampling,
        unperturbed={finding: before for finding, (before, _) in found.items()},
        rows=tuple(rows),
        probes=(
            probe_sex(scores.features, sample.sexes, sample.patients),
            probe_age(scores.features, sample.ages, sample.patients),
        ),
    )
