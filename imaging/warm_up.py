"""The image that a model server is warmed up with: drawn here, of nobody, and such as the task takes."""

from __future__ import annotations

import datetime
import io

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from data_schemas.task import Task
from imaging.example import serving_examples
from imaging.synthetic_anatomy import Projection, draw_chest, grow_anatomy
from imaging.synthetic_dicom import synthetic_uid

_SEED = 0
_BITS = 12
_LOWEST_HU = -1024
_PROJECTION = Projection(rows=320, columns=288, half_width=120.0, center=(144.0, 160.0), tilt=0.0)
_ADULT = 50.0


def warm_up_example(task: Task) -> bytes:
    """Returns a serialized `tf.Example` of a drawn chest, made by the path that every image takes.

    Modality, view and age are the task's, so that a model says `match` of each. The same task gives the same bytes.
    """
    (example,) = serving_examples(warm_up_dicom(task), task=task)
    return example.serialized


def warm_up_dicom(task: Task) -> bytes:
    """Returns the file behind `warm_up_example`: a DICOM of 320 rows and 288 columns, 12 bits, without a patient."""
    rng = np.random.default_rng(_SEED)
    density, _ = draw_chest(grow_anatomy(rng, sex="F"), _PROJECTION, rng, view="PA")
    density += rng.standard_normal(density.shape, np.float32) * np.float32(0.01)
    levels = 2**_BITS - 1
    stored = np.rint(density.clip(0, 1) * levels).astype(np.uint16)
    return _file(_header(task), stored)


def _header(task: Task) -> Dataset:
    header = Dataset()
    header.SOPClassUID = SecondaryCaptureImageStorage
    header.SOPInstanceUID = synthetic_uid(_SEED, "warm-up instance", 0)
    header.StudyInstanceUID = synthetic_uid(_SEED, "warm-up study", 0)
    header.SeriesInstanceUID = synthetic_uid(_SEED, "warm-up series", 0)
    header.Modality = task.modalities[0]
    if task.views:
        header.ViewPosition = task.views[0]
    header.PatientAge = f"{_age(task):03.0f}Y"
    header.StudyDate = f"{datetime.date(2000, 1, 1):%Y%m%d}"
    header.BurnedInAnnotation = "NO"
    return header


def _age(task: Task) -> float:
    youngest, oldest = task.decisions.age_range or (_ADULT, _ADULT)
    return float(np.clip(_ADULT, np.ceil(youngest), np.floor(oldest)))


def _file(dataset: Dataset, stored: NDArray[np.uint16]) -> bytes:
    """Returns a header with pixels as a DICOM file (PS3.10), with a rescale and a window over the whole range."""
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, _BITS, _BITS - 1, 0
    hounsfield = dataset.Modality == "CT"
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, _LOWEST_HU if hounsfield else 0
    dataset.RescaleType = "HU" if hounsfield else "US"
    dataset.WindowCenter, dataset.WindowWidth = 2**_BITS // 2 + dataset.RescaleIntercept, 2**_BITS
    dataset.PixelData = stored.astype("<u2").tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    target = io.BytesIO()
    FileDataset("", dataset, file_meta=meta, preamble=b"\0" * 128).save_as(target, enforce_file_format=True)
    return target.getvalue()
