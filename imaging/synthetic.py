"""Writes a sample of synthetic chest studies: real DICOM, a manifest, and where each lesion is.

Everything follows from the seed. Sex, age, view, maker, exposure and encoding are drawn apart from the label, so
that only the picture can tell it; two studies of one patient share anatomy and lesions, so that only a split by patient
is fair.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydicom.uid import JPEGLSLossless

from data_schemas.errors import ConfigurationError
from imaging.synthetic_anatomy import Anatomy, Image, Projection, draw_chest, grow_anatomy
from imaging.synthetic_dicom import TRANSFER_SYNTAXES, Acquisition, Subject, dicom_bytes
from imaging.synthetic_lesions import Lesion, LesionOnImage, draw_lesion, grow_lesions

LABELS = ("normal", "nodule", "cavity")
MANUFACTURERS = ("EXAMPLE IMAGING", "GENERIC RADIOGRAPHY", "SAMPLE X-RAY")
SITES = {"north": "SYNTHETIC HOSPITAL NORTH", "south": "SYNTHETIC HOSPITAL SOUTH"}
"""Site of the manifest -> Institution Name; neither exists."""

_PATIENTS_PER_FOLLOW_UP = 4
"""One patient in so many has a second study."""
_PATIENT_STREAM, _STUDY_STREAM, _LABEL_STREAM = range(3)
_RESCALES = ((1.0, 0.0), (1.0, -1024.0), (0.5, 0.0), (2.0, 100.0))
_PROGRESS_EVERY = 20


@dataclass(frozen=True)
class _Patient:
    subject: Subject
    site: str
    label: str
    anatomy: Anatomy
    lesions: tuple[Lesion, ...]


@dataclass(frozen=True)
class _Study:
    """A study as it was written: its file's name, its patient, and where the lesions went."""

    file: str
    patient: _Patient
    lesions: tuple[LesionOnImage, ...]


def write_sample(
    folder: Path, *, studies: int = 800, seed: int = 1, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Writes `dicom/*.dcm`, `lesions.csv` and, last, `manifest.csv` into a folder, and returns the manifest's path.

    The manifest has the columns file, label and site: patient id, sex, age, view and manufacturer are in the DICOM.
    `lesions.csv` has file, kind, row, column and diameter, in pixels of the source image, (0, 0) being the centre of
    its first one.

    Args:
        folder: made if it is not there; must not hold a manifest yet.
        studies: how many files; labels are about equally frequent.
        seed: the same seed and number write the same bytes.
        progress: called now and then with the studies done and their number.

    Raises:
        ConfigurationError: a number is out of range, or the folder has a manifest or cannot be written.
    """
    folder, manifest = Path(folder), Path(folder) / "manifest.csv"
    if studies < 1 or seed < 0:
        raise ConfigurationError(f"{studies} studies with seed {seed}: give at least 1 study and a seed of 0 or more")
    if manifest.exists():
        raise ConfigurationError(f"{manifest} is there already: name another folder, or remove this one")
    try:
        (folder / "dicom").mkdir(parents=True, exist_ok=True)
        written = []
        for study in _write_studies(folder, studies, seed):
            written.append(study)
            if progress is not None and (len(written) % _PROGRESS_EVERY == 0 or len(written) == studies):
                progress(len(written), studies)
        _write_tables(folder, written)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from error
    return manifest


def _write_studies(folder: Path, studies: int, seed: int) -> Iterator[_Study]:
    numbered = enumerate(_studies_of_patients(studies, seed), 1)
    for number, patient in numbered:
        rng = np.random.default_rng([seed, _STUDY_STREAM, number])
        acquisition = _acquire(number, rng)
        density, lesions = _picture(patient, acquisition, rng)
        file = f"dicom/synthetic-{number:04d}.dcm"
        (folder / file).write_bytes(dicom_bytes(density, patient.subject, acquisition))
        yield _Study(file, patient, lesions)


def _studies_of_patients(studies: int, seed: int) -> Iterator[_Patient]:
    """Yields the patient of each study; every fourth patient comes twice."""
    labels = np.random.default_rng([seed, _LABEL_STREAM])
    left, number = studies, 0
    pending: list[str] = []
    while left:
        number += 1
        pending = pending or [str(label) for label in labels.permutation(LABELS)]
        patient = _grow_patient(number, seed, pending.pop())
        visits = min(left, 2 if number % _PATIENTS_PER_FOLLOW_UP == 0 else 1)
        yield from [patient] * visits
        left -= visits


def _grow_patient(number: int, seed: int, label: str) -> _Patient:
    rng = np.random.default_rng([seed, _PATIENT_STREAM, number])
    site = str(rng.choice(list(SITES)))
    born = datetime.date(1912, 1, 1) + datetime.timedelta(days=int(rng.integers(0, 73 * 365)))
    sex: Literal["F", "M"] = "F" if rng.random() < 0.5 else "M"
    subject = Subject(number=number, seed=seed, sex=sex, birth_date=born, institution=SITES[site])
    anatomy = grow_anatomy(rng, sex=sex)
    lesions = () if label == "normal" else grow_lesions("nodule" if label == "nodule" else "cavity", anatomy, rng)
    return _Patient(subject, site, label, anatomy, lesions)


def _acquire(number: int, rng: np.random.Generator) -> Acquisition:
    is_dx = rng.random() < 0.5
    syntax = str(rng.choice(TRANSFER_SYNTAXES))
    slope, intercept = _RESCALES[0] if is_dx else _RESCALES[rng.integers(len(_RESCALES))]
    black = rng.uniform(0.03, 0.20)
    return Acquisition(
        number=number,
        date=datetime.date(2004, 1, 1) + datetime.timedelta(days=int(rng.integers(0, 365))),
        view="AP" if rng.random() < 0.4 else "PA",
        manufacturer=str(rng.choice(MANUFACTURERS)),
        modality="DX" if is_dx else "CR",
        syntax=syntax,
        bits=16 if syntax == JPEGLSLossless else 12,
        signed=bool(not is_dx and rng.random() < 0.5),
        monochrome1=bool(rng.random() < 0.4),
        slope=slope,
        intercept=intercept,
        window_function=str(rng.choice(("", "LINEAR", "LINEAR_EXACT"))),
        black=black,
        white=black + rng.uniform(0.45, 0.75),
        window=(rng.uniform(-0.08, 0.08), rng.uniform(0.90, 1.20)),
    )


def _picture(
    patient: _Patient, acquisition: Acquisition, rng: np.random.Generator
) -> tuple[Image, tuple[LesionOnImage, ...]]:
    """Returns the noisy densities of one study, and its lesions in pixels."""
    projection = _project(rng)
    density, _ = draw_chest(patient.anatomy, projection, rng, view=acquisition.view)
    lesions = tuple(draw_lesion(density, lesion, projection) for lesion in patient.lesions)
    density *= rng.uniform(0.9, 1.1)
    noise = rng.standard_normal(density.shape, np.float32) * np.float32(rng.uniform(0.008, 0.022))
    return density + noise, lesions


def _project(rng: np.random.Generator) -> Projection:
    columns = int(rng.integers(256, 301))
    rows = int(rng.integers(columns, 321))
    return Projection(
        rows=rows,
        columns=columns,
        half_width=columns * rng.uniform(0.375, 0.455),
        center=(columns * rng.uniform(0.47, 0.53), rows * rng.uniform(0.46, 0.54)),
        tilt=rng.normal(0, 0.03),
    )


def _write_tables(folder: Path, studies: Iterable[_Study]) -> None:
    studies = list(studies)
    lesions = [
        (study.file, one.kind, f"{one.row:.1f}", f"{one.column:.1f}", f"{one.diameter:.1f}")
        for study in studies
        for one in study.lesions
    ]
    _write_csv(folder / "lesions.csv", ("file", "kind", "row", "column", "diameter"), lesions)
    rows = [(study.file, study.patient.label, study.patient.site) for study in studies]
    # Last and whole: who finds a manifest, finds everything that it names.
    unfinished = folder / "manifest.csv.part"
    _write_csv(unfinished, ("file", "label", "site"), rows)
    unfinished.replace(folder / "manifest.csv")


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
