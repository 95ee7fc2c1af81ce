"""Bytes of a file -> serialized `tf.Example`s: the one path that training and serving share.

A file gives one example, or with `image.frame: every` one of each frame. `training_examples` and `serving_examples`
give the same pixels for the same bytes; only identity and label differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_schemas import features
from data_schemas.errors import NotForTask
from data_schemas.task import Task
from data_schemas.wire import example_pb2
from imaging.ages import age_group
from imaging.canonical import encode_png, located_image
from imaging.content_hash import content_hash
from imaging.defined_terms import MODALITIES, VIEW_POSITIONS, told
from imaging.index_row import IndexRow, index_row
from imaging.manifest import ManifestRow
from imaging.patients import assign_split, patient_key
from imaging.pseudonyms import Pseudonyms
from imaging.quality import quality_features
from imaging.source import SourceHeader, SourceImage, read_frames
from imaging.source_geometry import SourceGeometry


@dataclass(frozen=True)
class TrainingExample:
    """One record of the data set.

    Attributes:
        serialized: `tf.Example` in wire format.
        split: one of `features.SPLITS`.
        patient: the patient's pseudonym.
        warnings: what was odd, naming the manifest's row alone.
        index_row: its row of the image index.
    """

    serialized: bytes
    split: str
    patient: str
    warnings: tuple[str, ...]
    index_row: IndexRow


@dataclass(frozen=True)
class ServingExample:
    """One frame as a model server is sent it.

    Attributes:
        serialized: `tf.Example` in wire format.
        frame: its number; the first is 1.
        geometry: leads from what the network saw back to the source's rows and columns (`imaging.source_geometry`).
        study: names the patient's study among files that are read together, where the file says it, else empty. It
            holds identifiers, and is not in the record.
    """

    serialized: bytes
    frame: int
    geometry: SourceGeometry
    study: str = ""


def training_examples(
    data: bytes, *, row: ManifestRow, task: Task, pseudonyms: Pseudonyms, given_splits: tuple[str, ...] = ()
) -> tuple[TrainingExample, ...]:
    """Returns the records of one manifest row; warnings stand on the first alone.

    Args:
        data: the bytes of `row.file`.
        row: fills and overrides what the file's header says.
        task: labels, intensity policy, geometry, splits.
        pseudonyms: turns the patient, the study and the image into names that reveal nothing.
        given_splits: `Manifest.splits`.

    Raises:
        NotDicom, NoPixels, Unsupported, Corrupt: the file cannot be used for this task; the message says why. A file of
            which one frame cannot be used gives no record at all.
    """
    digest = content_hash(data)
    found: list[TrainingExample] = []
    for source in read_frames(data, policy=task.image.frame):
        one = _training_example(source, digest, row=row, task=task, pseudonyms=pseudonyms, given_splits=given_splits)
        found.append(dataclasses.replace(one, warnings=()) if found else one)
    return tuple(found)


@dataclass(frozen=True)
class DeclaredHeader:
    """What a person states of an image whose header does not say it.

    Attributes:
        modality, view: upper case; empty states nothing.
        age_years: None states nothing.
    """

    modality: str = ""
    view: str = ""
    age_years: float | None = None


NOTHING_DECLARED = DeclaredHeader()


def serving_examples(
    data: bytes, *, task: Task, declared: DeclaredHeader = NOTHING_DECLARED
) -> tuple[ServingExample, ...]:
    """Returns the records that a model server is sent: the same pixels, without identity and label.

    Args:
        data: the file's bytes.
        task: what the model wants.
        declared: fills what the header does not say. It never goes before what the header says.

    Raises:
        NotForTask: the header, or what is declared, says a modality, a view or an intent that the task does not take.
        NotDicom, NoPixels, Unsupported, Corrupt: as `training_examples`.
    """
    return examples_of_frames(read_frames(data, policy=task.image.frame), task=task, declared=declared)


def examples_of_frames(
    frames: Iterable[SourceImage], *, task: Task, declared: DeclaredHeader = NOTHING_DECLARED
) -> tuple[ServingExample, ...]:
    """Returns the records of frames that have been read, and raises, as `serving_examples` does."""
    return tuple(_serving_example(_filled(frame, declared, task), task) for frame in frames)


def _filled(source: SourceImage, declared: DeclaredHeader, task: Task) -> SourceImage:
    """Returns an image whose header says what is declared where it was silent.

    A view that is neither DICOM's nor the task's says nothing: it may be any word, and no refusal could name it.
    """
    header = source.header
    told_view = header.view if header.view in VIEW_POSITIONS or header.view in task.views else ""
    known = dataclasses.replace(
        header,
        modality=header.modality or declared.modality,
        view=told_view or declared.view,
        age_years=declared.age_years if header.age_years is None else header.age_years,
    )
    return dataclasses.replace(source, header=known)


def _serving_example(source: SourceImage, task: Task) -> ServingExample:
    example, _, geometry = _example(source, task, None)
    return ServingExample(_serialized(example), source.frame, geometry, _named_study(source.header))


def _named_study(header: SourceHeader) -> str:
    named = (header.issuer, header.patient_id, header.study_instance_uid)
    return "\0".join(named) if header.study_instance_uid else ""


def _training_example(
    source: SourceImage,
    digest: str,
    *,
    row: ManifestRow,
    task: Task,
    pseudonyms: Pseudonyms,
    given_splits: tuple[str, ...],
) -> TrainingExample:
    """Returns the record of one frame of a file with the content hash `digest`."""
    header, warnings = source.header, []
    if row.patient_id and header.patient_id and row.patient_id != header.patient_id:
        warnings.append(f"row {row.row}: patient_id differs from the DICOM's; the manifest's is used")
    study = row.study_id or header.study_instance_uid
    key = patient_key(
        patient_id=row.patient_id or header.patient_id, issuer=header.issuer, site=row.site, study_instance_uid=study
    )
    warnings += [f"row {row.row}: {warning}" for warning in key.warnings]
    patient = pseudonyms.pseudonym("patient", key.key)
    # Frames of one file are images of their own, not one image several times.
    every = task.image.frame == "every" and header.frames > 1
    file_hash = pseudonyms.pseudonym("image", f"{digest}\0{source.frame}" if every else digest)
    example, image, _ = _example(source, task, row)
    _put_text(example, features.EXAMPLE_ID, file_hash)
    _put_text(example, features.PATIENT, patient)
    # An image without a study is one of its own: nothing says that two belong together.
    _put_text(example, features.STUDY, pseudonyms.pseudonym("study", f"{key.key}\0{study or digest}"))
    _put_labels(example, row, task)
    split = assign_split(key.key, task=task, given=row.split, given_splits=given_splits)
    index = index_row(example, image, header=header, split=split, file_hash=file_hash, pseudonyms=pseudonyms)
    return TrainingExample(_serialized(example), split, patient, tuple(warnings), index)


def _example(
    source: SourceImage, task: Task, row: ManifestRow | None
) -> tuple[example_pb2.Example, NDArray[np.uint16], SourceGeometry]:
    """Returns all features but identity and label, for a task that takes the image; the canonical image; its place."""
    header = source.header if row is None else _overridden(source.header, row)
    _check_accepted(header, task)
    image, geometry = located_image(source, task)
    example = example_pb2.Example()
    example.features.feature[features.IMAGE].bytes_list.value.append(encode_png(image))
    _put_integers(example, features.MANIFEST_ROW, [0 if row is None else row.row])
    _put_integers(example, features.FRAME, [source.frame])
    _put_integers(example, features.SOURCE_ROWS, [source.pixels.shape[0]])
    _put_integers(example, features.SOURCE_COLUMNS, [source.pixels.shape[1]])
    _put_integers(example, features.BITS_STORED, [header.bits_stored])
    for name, numbers in quality_features(image, task.intensity).items():
        _put_floats(example, name, numbers)
    _put_floats(example, features.AGE_YEARS, [] if header.age_years is None else [header.age_years])
    for name, value in _header_slices(header, row, task).items():
        _put_text(example, name, value or features.UNKNOWN)
    return example, image, geometry


def _overridden(header: SourceHeader, row: ManifestRow) -> SourceHeader:
    """Returns a header in which what the manifest says goes before what the file says."""
    return dataclasses.replace(
        header,
        modality=row.modality.upper() or header.modality,
        view=row.view.upper() or header.view,
        sex=row.sex or header.sex,
        age_years=header.age_years if row.age_years is None else row.age_years,
        manufacturer=" ".join(row.manufacturer.upper().split()) or header.manufacturer,
    )


def _check_accepted(header: SourceHeader, task: Task) -> None:
    """Raises unless the task takes this modality, view and intent; one that is not known is taken.

    FOR PROCESSING images (PS3.3, C.8.11.1.1.1) hold what the detector measured, before the maker's processing, and have
    no VOI that would show them.
    """
    if header.intent == "FOR PROCESSING" and not task.accepts_for_processing:
        raise NotForTask(
            "Presentation Intent Type is FOR PROCESSING: raw detector values, not made to be looked at; send the FOR "
            "PRESENTATION image, or set accepts_for_processing: true in the task",
            "intent",
        )
    if header.modality and header.modality not in task.modalities:
        found = told(header.modality, MODALITIES)
        raise NotForTask(f"the modality is {found}; the task takes {', '.join(task.modalities)}", "modality")
    if header.view and task.views and header.view not in task.views:
        found = told(header.view, VIEW_POSITIONS)
        raise NotForTask(f"the view is {found}; the task takes {', '.join(task.views)}", "view")


def _header_slices(header: SourceHeader, row: ManifestRow | None, task: Task) -> dict[str, str]:
    found = {
        features.SEX: header.sex,
        features.AGE_GROUP: age_group(header.age_years, task.age_groups),
        features.MODALITY: header.modality,
        features.VIEW: header.view if header.view in VIEW_POSITIONS | {*task.views, *_given_view(row)} else "",
        features.MANUFACTURER: header.manufacturer,
        features.SITE: "" if row is None else row.site,
    }
    extra = {} if row is None else row.extra
    return found | {features.extra_column(name): extra.get(name, "") for name in task.extra_columns}


def _given_view(row: ManifestRow | None) -> tuple[str, ...]:
    return () if row is None else (row.view.upper(),)


def _put_labels(example: example_pb2.Example, row: ManifestRow, task: Task) -> None:
    if task.labels.type == "multi_class":
        _put_text(example, features.LABEL, row.label)
    else:
        _put_integers(example, features.FINDINGS, row.findings)


def _put_text(example: example_pb2.Example, name: str, value: str) -> None:
    example.features.feature[name].bytes_list.value.append(value.encode("utf-8", "replace"))


def _put_integers(example: example_pb2.Example, name: str, numbers: Iterable[int]) -> None:
    example.features.feature[name].int64_list.value.extend(numbers)


def _put_floats(example: example_pb2.Example, name: str, numbers: Iterable[float]) -> None:
    # Touched even when empty: an unknown number is an empty list, not a feature that is missing.
    example.features.feature[name].float_list.SetInParent()
    example.features.feature[name].float_list.value.extend(numbers)


def _serialized(example: example_pb2.Example) -> bytes:
    """Returns the wire format with map keys in order, so that equal examples are equal bytes."""
    return example.SerializeToString(deterministic=True)
