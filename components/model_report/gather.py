"""Gathers what a run left into the data of a report; a part that is missing, or cannot be read, is left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from absl import logging

from components.evaluator.results import read_cases, read_evaluation, read_gates
from components.image_index import read_index
from components.model_report.chosen_cases import STUDIES, TestCases
from components.model_report.explained_cases import explained_gallery
from components.model_report.exported_model import ExportedModel
from components.model_report.groups import group_counts
from components.model_report.provenance import lineage_of
from components.model_report.records import serialized
from components.model_report.scope_use import scope_use
from components.stress_test.results import read_stress
from data_schemas import features, image_index
from data_schemas.description import ModelDescription
from data_schemas.ingest_report import FILE_NAME as INGEST_FILE
from data_schemas.ingest_report import IngestReport
from data_schemas.model_files import (
    ASSETS,
    CONTACT_SHEET_FILE,
    DESCRIPTION_FILE,
    EXPLANATION_CHECKS_FILE,
    HISTORY_FILE,
)
from data_schemas.task import Task
from reports.data_check import DataCheckReport
from reports.report_data import ArtifactUsed, Canary, Gallery, ReportData
from reports.tuning import load_results

_CHECK_FILE = "data_check.json"
_MAY_BE_MISSING = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading an artifact of another version, or none, raises: pydantic's and json's errors are ValueErrors."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class RunArtifacts:
    """Folders of what a run left; None where it left none.

    Attributes:
        run: its id.
        serving: the SavedModel.
        model_run: the Trainer's; tuner_results: the Tuner's.
        test_split: the records that judge.
        ingest_report, data_check, evaluation, stress: of the steps of those names.
        blessed: the Evaluator's verdict; canary: the ServingCanary's.
        code_digests: by step.
        used: what the report is made from, as the metadata store knows it.
    """

    run: str
    serving: Path
    model_run: Path | None = None
    tuner_results: Path | None = None
    test_split: Path | None = None
    ingest_report: Path | None = None
    data_check: Path | None = None
    evaluation: Path | None = None
    stress: Path | None = None
    blessed: bool | None = None
    canary: Canary | None = None
    code_digests: Mapping[str, str] = field(default_factory=dict)
    used: tuple[ArtifactUsed, ...] = ()


def used(name: str, kind: str, number: int, uri: str) -> ArtifactUsed:
    """Returns an artifact as the report names it: where it lies in the output, not where that lies."""
    return ArtifactUsed(name.replace("_", " "), kind, number or None, "/".join(Path(uri).parts[-3:]))


def gather(artifacts: RunArtifacts, *, made: datetime) -> ReportData:
    """Returns all that is known of a run.

    Args:
        artifacts: what it left.
        made: when, UTC.

    Raises:
        OSError: the model does not say what it is; without that there is nothing to report on.
    """
    text = (artifacts.serving / ASSETS / DESCRIPTION_FILE).read_text(encoding="utf-8")
    description = ModelDescription.model_validate_json(text)
    task = description.task
    index = _read(artifacts.ingest_report, read_index)
    cases = _read(artifacts.evaluation, judged_images)
    asked = _asked(artifacts, description, cases, index)
    return ReportData(
        run=artifacts.run,
        description=description,
        history=_read(artifacts.model_run, partial(_json, HISTORY_FILE)) or (),
        contact_sheet=_read(artifacts.model_run, lambda folder: (folder / CONTACT_SHEET_FILE).read_bytes()) or b"",
        explanation_checks=_read(artifacts.model_run, partial(_json, EXPLANATION_CHECKS_FILE)) or {},
        tuning=_read(artifacts.tuner_results, load_results),
        ingest=_read(artifacts.ingest_report, lambda folder: IngestReport.model_validate(_json(INGEST_FILE, folder))),
        groups=() if index is None else group_counts(index, task),
        data_check=_read(
            artifacts.data_check, lambda folder: DataCheckReport.model_validate(_json(_CHECK_FILE, folder))
        ),
        evaluation=_read(artifacts.evaluation, read_evaluation),
        gates=_read(artifacts.evaluation, read_gates),
        stress=_read(artifacts.stress, read_stress),
        blessed=artifacts.blessed,
        canary=artifacts.canary,
        lineage=lineage_of(index, artifacts.used, artifacts.code_digests, made=made),
        **asked,
    )


def _read(folder: Path | None, read: Callable[[Path], Part]) -> Part | None:
    """Returns a part, or None where the run has none or it is one of another version."""
    if folder is None:
        return None
    try:
        return read(folder)
    except _MAY_BE_MISSING as error:
        logging.warning("the report lacks a part, %s: %s", folder.parent.name, error)
        return None


def _json(name: str, folder: Path) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def judged_images(folder: Path) -> TestCases:
    """Returns the test images in an evaluation's folder."""
    records = read_cases(folder)
    return TestCases(
        example_ids=np.asarray(records.ids, str),
        patients=np.asarray(records.patients, str),
        labels=np.asarray(records.labels, np.int64),
        scores=np.asarray(records.scores, np.float64),
    )


def _asked(
    artifacts: RunArtifacts, description: ModelDescription, cases: TestCases | None, index: pa.Table | None
) -> dict[str, Any]:
    """Returns what only the model itself can answer: explained cases, and what it says is out of scope."""
    split = artifacts.test_split
    if split is None or not split.is_dir():
        return {}
    model = _read(artifacts.serving, ExportedModel)
    if model is None:
        return {}
    scope = _read(split, lambda folder: scope_use(model.score, serialized(folder)))
    if cases is None:
        return {"scope": scope}
    explained = partial(_gallery, model, cases, description, written_on(index))
    return {"scope": scope, "gallery": _read(split, explained)}


def _gallery(
    model: ExportedModel, cases: TestCases, description: ModelDescription, left_out: frozenset[str], split: Path
) -> Gallery:
    task: Task = description.task
    gallery = explained_gallery(
        model.explain,
        cases,
        split,
        labels=task.labels,
        points=description.operating_points,
        intensity=task.intensity,
        left_out=left_out,
    )
    return gallery if task.unit == "image" else replace(gallery, rule=gallery.rule + STUDIES)


def written_on(index: pa.Table | None) -> frozenset[str]:
    """Returns ids of images that seem to have text on them, which could be a name."""
    if index is None:
        return frozenset()
    columns = (index[features.EXAMPLE_ID].to_pylist(), index[image_index.TEXT_SCORE].to_pylist())
    return frozenset(name for name, score in zip(*columns, strict=True) if score is not None and score >= 1)
