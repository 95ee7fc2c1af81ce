"""Writes a synthetic chest as DICOM: CR or DX (PS3.3, A.2 and A.26), in one of seven transfer syntaxes.

Nothing here knows the label, so nothing in a header can reveal it. All that looks like a patient is invented and says
so.
"""

from __future__ import annotations

import datetime
import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

Stored = NDArray[np.uint16] | NDArray[np.int16]

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "radflow synthetic studies")
_IMPLEMENTATION_VERSION = "RADFLOW_SYNTH"


@dataclass(frozen=True)
class Subject:
    """A patient who does not exist."""

    number: int
    seed: int
    sex: Literal["M", "F"]
    birth_date: datetime.date
    institution: str

    @property
    def patient_id(self) -> str:
        """Patient ID, different for each seed."""
        return f"SYN{self.seed}-{self.number:04d}"


@dataclass(frozen=True)
class Acquisition:
    """How one study was taken and stored.

    Attributes:
        number: of the study within the sample, from 1.
        date: of the study.
        view: PA or AP. manufacturer: invented.
        modality: CR or DX; DX allows neither signed pixels nor a rescale other than identity (PS3.3, C.8.11.3).
        syntax: transfer syntax UID.
        bits: bits stored: 12, and 16 for JPEG-LS, whose encoder here writes streams of 16 bits only.
        signed: Pixel Representation 1.
        monochrome1: the lowest stored value is white.
        slope, intercept: Rescale Slope and Intercept.
        window_function: VOI LUT Function; empty writes none, which means LINEAR.
        black, white: where density 0 and 1 fall within the stored range, 0..1: the exposure.
        window: densities that the window shows as black and as white.
    """

    number: int
    date: datetime.date
    view: Literal["PA", "AP"]
    manufacturer: str
    modality: Literal["CR", "DX"]
    syntax: str
    bits: int
    signed: bool
    monochrome1: bool
    slope: float
    intercept: float
    window_function: str
    black: float
    white: float
    window: tuple[float, float]


def synthetic_uid(seed: int, kind: str, number: int) -> UID:
    """Returns a UID under 2.25 (PS3.5, B.2: a UUID as a decimal), the same for the same arguments."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, f'{seed}/{kind}/{number}').int}")


def dicom_bytes(density: NDArray[np.float32], subject: Subject, acquisition: Acquisition) -> bytes:
    """Returns a DICOM file (PS3.10) of densities (rows, columns), about 0..1; the same bytes for the same arguments."""
    stored = _stored_values(density, acquisition)
    dataset = FileDataset("", {}, file_meta=_file_meta(subject, acquisition), preamble=b"\0" * 128)
    _describe_patient(dataset, subject, acquisition)
    _describe_study(dataset, subject, acquisition)
    _describe_image(dataset, acquisition, shape=density.shape)
    _describe_presentation(dataset, acquisition)
    encode = _ENCODERS[acquisition.syntax]
    if encode is None:
        dataset.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    else:
        dataset.PixelData = encapsulate([encode(stored, acquisition.bits)])
    dataset["PixelData"].VR = "OW" if encode is None else "OB"
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _stored_values(density: NDArray[np.float32], acquisition: Acquisition) -> Stored:
    exposed = acquisition.black + (acquisition.white - acquisition.black) * density
    rounded = np.rint(_stored_from_unit(exposed.clip(0, 1), acquisition))
    stored: Stored = rounded.astype(np.int16 if acquisition.signed else np.uint16)
    return stored


def _stored_from_unit(unit: Any, acquisition: Acquisition) -> Any:
    """Returns stored values, not rounded, of 0..1 from black to white over the whole stored range."""
    levels = 2**acquisition.bits
    raw = (1 - unit if acquisition.monochrome1 else unit) * (levels - 1)
    return raw - levels // 2 if acquisition.signed else raw


def _file_meta(subject: Subject, acquisition: Acquisition) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _sop_class(acquisition)
    meta.MediaStorageSOPInstanceUID = synthetic_uid(subject.seed, "instance", acquisition.number)
    meta.TransferSyntaxUID = UID(acquisition.syntax)
    meta.ImplementationClassUID = UID(f"2.25.{_NAMESPACE.int}")
    meta.ImplementationVersionName = _IMPLEMENTATION_VERSION
    return meta


def _sop_class(acquisition: Acquisition) -> UID:
    return DigitalXRayImageStorageForPresentation if acquisition.modality == "DX" else ComputedRadiographyImageStorage


def _describe_patient(dataset: Dataset, subject: Subject, acquisition: Acquisition) -> None:
    born = subject.birth_date
    had_birthday = (acquisition.date.month, acquisition.date.day) >= (born.month, born.day)
    dataset.PatientName = f"SYNTHETIC^PATIENT{subject.number:04d}"
    dataset.PatientID = subject.patient_id
    dataset.PatientBirthDate = f"{born:%Y%m%d}"
    dataset.PatientSex = subject.sex
    dataset.PatientAge = f"{acquisition.date.year - born.year - (not had_birthday):03d}Y"


def _describe_study(dataset: Dataset, subject: Subject, acquisition: Acquisition) -> None:
    date, time = f"{acquisition.date:%Y%m%d}", f"{8 + acquisition.number % 10:02d}{acquisition.number % 60:02d}00"
    dataset.StudyInstanceUID = synthetic_uid(subject.seed, "study", acquisition.number)
    dataset.SeriesInstanceUID = synthetic_uid(subject.seed, "series", acquisition.number)
    dataset.SOPClassUID = _sop_class(acquisition)
    dataset.SOPInstanceUID = synthetic_uid(subject.seed, "instance", acquisition.number)
    for what in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{what}Date", date)
        setattr(dataset, f"{what}Time", time)
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = str(acquisition.number), 1, 1
    dataset.AccessionNumber = f"ACC{acquisition.number:07d}"
    dataset.ReferringPhysicianName = "SYNTHETIC^REFERRER"
    dataset.StudyDescription = "SYNTHETIC CHEST"
    dataset.InstitutionName = subject.institution
    dataset.Manufacturer = acquisition.manufacturer
    dataset.ManufacturerModelName = "TOY"
    dataset.Modality = acquisition.modality


def _describe_image(dataset: Dataset, acquisition: Acquisition, *, shape: tuple[int, ...]) -> None:
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", acquisition.view
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""] if acquisition.modality == "DX" else ["ORIGINAL", "PRIMARY"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if acquisition.monochrome1 else "MONOCHROME2"
    dataset.Rows, dataset.Columns = shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, acquisition.bits, acquisition.bits - 1
    dataset.PixelRepresentation = int(acquisition.signed)
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    if acquisition.modality == "DX":
        _describe_digital_xray(dataset, acquisition)


def _describe_digital_xray(dataset: Dataset, acquisition: Acquisition) -> None:
    """Adds what DX asks for beyond CR (PS3.3, A.26)."""
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.PresentationLUTShape = "INVERSE" if acquisition.monochrome1 else "IDENTITY"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if acquisition.monochrome1 else -1
    dataset.ImageLaterality, dataset.PositionerType = "U", ""
    dataset.DetectorType = "DIRECT"
    dataset.ImagerPixelSpacing = [1.4, 1.4]
    dataset.AcquisitionContextSequence = []
    dataset.AnatomicRegionSequence = [_code("816094009", "SCT", "Thorax")]
    view = {"PA": _code("272479007", "SCT", "postero-anterior"), "AP": _code("399348003", "SCT", "antero-posterior")}
    dataset.ViewCodeSequence = [view[acquisition.view]]
    dataset.ViewCodeSequence[0].ViewModifierCodeSequence = []


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _describe_presentation(dataset: Dataset, acquisition: Acquisition) -> None:
    """Adds rescale and window; the window is in rescaled values, whatever the polarity."""
    slope, intercept = acquisition.slope, acquisition.intercept
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = _decimal(slope), _decimal(intercept), "US"
    exposed = acquisition.black + (acquisition.white - acquisition.black) * np.array(acquisition.window)
    low, high = sorted(_stored_from_unit(exposed, acquisition) * slope + intercept)
    dataset.WindowCenter, dataset.WindowWidth = _decimal(round((low + high) / 2)), _decimal(round(high - low))
    if acquisition.window_function:
        dataset.VOILUTFunction = acquisition.window_function


def _decimal(number: float) -> str:
    return f"{number:.10g}"


def _rle(stored: Stored, _bits: int) -> bytes:
    """Returns one RLE frame (PS3.5, G): the plane of high bytes, then that of low bytes, each row packed by itself."""
    high_and_low = stored.astype(stored.dtype.newbyteorder(">")).view(np.uint8).reshape(*stored.shape, 2)
    segments = []
    for plane in np.moveaxis(high_and_low, 2, 0):
        packed = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane)
        segments.append(packed + b"\0" * (len(packed) % 2))
    header = np.zeros(16, "<u4")
    header[:3] = 2, 64, 64 + len(segments[0])
    return header.tobytes() + b"".join(segments)


def _jpeg_lossless(stored: Stored, bits: int) -> bytes:
    """Returns JPEG Lossless of selection value 1, which knows no sign: the low bits stand for themselves."""
    unsigned = stored.view(np.uint16) & np.uint16(2**bits - 1)
    return bytes(imagecodecs.jpeg8_encode(unsigned, lossless=True, predictor=1, bitspersample=bits))


def _jpeg_ls(stored: Stored, _bits: int) -> bytes:
    return bytes(imagecodecs.jpegls_encode(stored.view(np.uint16)))


def _jpeg_2000(stored: Stored, bits: int) -> bytes:
    encoded = imagecodecs.jpeg2k_encode(stored, level=0, reversible=True, codecformat="j2k", bitspersample=bits)
    return bytes(encoded)


_ENCODERS: dict[str, Callable[[Stored, int], bytes] | None] = {
    ImplicitVRLittleEndian: None,
    ExplicitVRLittleEndian: None,
    DeflatedExplicitVRLittleEndian: None,
    RLELossless: _rle,
    JPEGLosslessSV1: _jpeg_lossless,
    JPEGLSLossless: _jpeg_ls,
    JPEG2000Lossless: _jpeg_2000,
}
"""Transfer syntax -> encoder of a frame; None writes the values as they are."""

TRANSFER_SYNTAXES: tuple[str, ...] = tuple(_ENCODERS)
