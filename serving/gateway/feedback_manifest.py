"""Writes reviewed cases as a manifest and its image files, which `radflow run` and `radflow evaluate` take."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timezone
from pathlib import Path

from data_schemas.errors import ConfigurationError, DataRefused
from data_schemas.task import Task
from serving.gateway.feedback_notes import readme
from serving.gateway.problems import ProblemError
from serving.gateway.reader_labels import CaseLabels
from serving.gateway.storage.reviewed import ReviewedCase, ReviewedImage

MANIFEST, NOTES, SUMMARY, IMAGES = "manifest.csv", "README.txt", "export.json", "images"
PROVENANCE = (
    "feedback_case", "feedback_basis", "feedback_at", "feedback_blind", "feedback_opinion", "feedback_readers",
    "feedback_others", "feedback_model", "feedback_version",
)  # fmt: skip
"""Columns that say where a label comes from; the pipeline passes them over."""
_ENDINGS = {"DICOM": ".dcm", "PNG": ".png", "JPEG": ".jpg", "NIfTI": ".nii"}
_GZIP = b"\x1f\x8b"

OpenImage = Callable[[ReviewedCase, ReviewedImage], AbstractContextManager[Path]]
"""Opens the file of an image, to read."""


@dataclass
class Exported:
    """What became of the reviewed cases.

    Attributes:
        cases, images, patients: that were written; `nameless` cases have no file that names a patient.
        left_out: cases that gave no labels, by reason.
        missing: images whose file is gone or was altered.
        labels: written images by label that holds.
        bases: written cases by what their labels rest on.
        blind: written cases whose labels are those of a blind opinion.
        moved: written cases whose reader said another thing in a blind opinion than after it.
        several: written cases of more than one image, of which each has the case's labels.
        versions: written cases by the model's version that was judged.
        case_ids: of those that were written.
    """

    cases: int = 0
    images: int = 0
    patients: int = 0
    nameless: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    bases: Counter[str] = field(default_factory=Counter)
    blind: int = 0
    moved: int = 0
    several: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    case_ids: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Returns the object that `--json` prints and the export keeps; it names no case."""
        counted = {name: dict(getattr(self, name)) for name in ("left_out", "labels", "bases", "versions")}
        numbers = ("cases", "images", "patients", "nameless", "missing", "blind", "moved", "several")
        return {name: getattr(self, name) for name in numbers} | counted


@dataclass(frozen=True)
class Labelled:
    """A case with its labels, or with why it has none."""

    case: ReviewedCase
    labels: CaseLabels | str


def export(
    labelled: Iterable[Labelled],
    open_image: OpenImage,
    folder: Path,
    *,
    task: Task,
    consent: str,
    replace: bool = False,
) -> Exported:
    """Writes a folder with the manifest, its images and what to know of them; all of it, or nothing.

    Args:
        labelled: the reviewed cases.
        open_image: opens an image's file.
        folder: is made, for its owner alone.
        task: its labels are the manifest's columns.
        consent: the column `consent`: `yes`, or empty for what is to be filled in by hand.
        replace: a former export in its place is removed.

    Raises:
        ConfigurationError: the folder is there and may not be replaced, or cannot be written.
        DataRefused: not one case gave labels.
    """
    folder = folder.absolute()
    check_target(folder, replace=replace)
    partial = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.partial"
    try:
        (partial / IMAGES).mkdir(mode=0o700, parents=True)
        partial.chmod(0o700)
        exported = _write(labelled, open_image, partial, task=task, consent=consent)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    except OSError as error:
        raise ConfigurationError(f"the export cannot be written to {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return exported


def check_target(folder: Path, *, replace: bool) -> None:
    """Checks that an export may be written to a folder.

    Raises:
        ConfigurationError: there is something else, or a former export that may not be replaced.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / SUMMARY).is_file():
        raise ConfigurationError(f"{folder} is there and is no export of feedback: name a new folder")
    if not replace:
        raise ConfigurationError(f"{folder} has a former export: name a new folder, or say --force to replace it")


def _write(labelled: Iterable[Labelled], open_image: OpenImage, folder: Path, *, task: Task, consent: str) -> Exported:
    exported, patients, rows = Exported(), set[str](), list[dict[str, str]]()
    for one in labelled:
        if isinstance(one.labels, str):
            exported.left_out[one.labels] += 1
            continue
        files = _copied(one.case, open_image, folder, exported)
        if not files:
            exported.left_out["no image is left"] += 1
            continue
        _count(exported, one.case, one.labels, len(files))
        made = [_row(one.case, image, name, one.labels, task, consent) for image, name in files]
        patients.update(row["patient_id"] for row in made)
        rows += made
    if not rows:
        reasons = "; ".join(f"{number}: {reason}" for reason, number in exported.left_out.most_common())
        raise DataRefused(f"not one case gave labels, so that nothing is written ({reasons or 'none was reviewed'})")
    exported.images, exported.patients = len(rows), len(patients)
    _private(folder / MANIFEST, _csv(rows, task))
    _private(folder / NOTES, readme(exported.to_json(), task))
    _private(folder / SUMMARY, json.dumps({"task": task.name, **exported.to_json()}, indent=1) + "\n")
    return exported


def _copied(
    case: ReviewedCase, open_image: OpenImage, folder: Path, exported: Exported
) -> list[tuple[ReviewedImage, str]]:
    """Returns the images whose files were copied, each with its path from the manifest on."""
    found = []
    for one in case.images:
        try:
            with open_image(case, one) as path:
                name = f"{IMAGES}/{one.image.id}{_ending(one, path)}"
                shutil.copyfile(path, folder / name)
                (folder / name).chmod(0o600)
        except ProblemError:
            exported.missing += 1
        else:
            found.append((one, name))
    return found


def _ending(image: ReviewedImage, path: Path) -> str:
    ending = _ENDINGS[image.image.format]
    with path.open("rb") as file:
        return f"{ending}.gz" if image.image.format == "NIfTI" and file.read(2) == _GZIP else ending


def _count(exported: Exported, case: ReviewedCase, labels: CaseLabels, images: int) -> None:
    exported.cases += 1
    exported.case_ids.append(case.id)
    exported.bases[labels.basis] += 1
    exported.labels.update(dict.fromkeys(labels.labels or ("none",), images))
    exported.blind += labels.blind
    exported.moved += labels.opinion is not None and labels.opinion != labels.labels
    exported.several += images > 1
    exported.nameless += not any(one.patient_hash for one in case.images)
    exported.versions[f"{case.model} {labels.version}" if labels.version is not None else "none judged"] += 1


def _row(
    case: ReviewedCase, one: ReviewedImage, file: str, labels: CaseLabels, task: Task, consent: str
) -> dict[str, str]:
    """Returns an image's row of the manifest."""
    image, declared = one.image, case.declared
    age = image.age_years if image.age_years is not None else (declared.age_years if declared else None)
    return {
        "file": file,
        "patient_id": _patient(case, one),
        "study_id": one.study_hash or case.id,
        "consent": consent,
        "sex": image.sex if image.sex in ("M", "F", "O") else "",
        "age": "" if age is None else f"{age:g}",
        "modality": image.modality or ((declared.modality or "").upper() if declared else ""),
        "view": image.view or ((declared.view or "").upper() if declared else ""),
        **_label_columns(labels, task),
        **dict.fromkeys(task.extra_columns, ""),
        "feedback_case": case.id,
        "feedback_basis": labels.basis,
        "feedback_at": labels.at.astimezone(timezone.utc).isoformat(timespec="seconds"),
        "feedback_blind": "yes" if labels.blind else "no",
        "feedback_opinion": "" if labels.opinion is None else "|".join(labels.opinion or ("none",)),
        "feedback_readers": str(labels.readers),
        "feedback_others": str(labels.others),
        "feedback_model": case.model,
        "feedback_version": "" if labels.version is None else str(labels.version),
    }


def _patient(case: ReviewedCase, one: ReviewedImage) -> str:
    """Returns whose image it is, as the de-identified file itself says it: the keyed hash's first 16 digits.

    Files that name nobody are taken for those of one patient, the case's own.
    """
    named = one.patient_hash or next((other.patient_hash for other in case.images if other.patient_hash), "")
    return named[:16].upper() if named else f"case-{case.id}"


def _label_columns(labels: CaseLabels, task: Task) -> dict[str, str]:
    if task.labels.type == "multi_class":
        return {task.labels.column: labels.labels[0]}
    return {name: "1" if name in labels.labels else "0" for name in task.labels.names}


def _csv(rows: Sequence[dict[str, str]], task: Task) -> str:
    labels = (task.labels.column,) if task.labels.type == "multi_class" else task.labels.names
    own = ("file", "patient_id", "study_id", *labels, "sex", "age", "modality", "view", "consent")
    text = io.StringIO()
    writer = csv.DictWriter(text, [*own, *task.extra_columns, *PROVENANCE], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
