"""De-identifies files: a folder in, a folder of files with pseudonymous names out."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset

from data_schemas.errors import ImageRejected, Unsupported
from imaging.deidentification.dataset import ActionLog, deidentify_dataset
from imaging.deidentification.pixels import clean_pixels, may_show_text
from imaging.deidentification.profile import Profile
from imaging.deidentification.replacements import Replacements
from imaging.dicom_file import pixel_keyword, read_dataset, text
from imaging.image_file import read_image_file
from imaging.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        source: the file that was read.
        target: the file that was written; None where there is none.
        reason: why there is none.
        log: what was done to which attribute.
    """

    source: Path
    target: Path | None = None
    reason: str = ""
    log: ActionLog = field(default_factory=Counter)


def deidentify_file(source: Path, folder: Path, *, profile: Profile, secret: Pseudonyms) -> Outcome:
    """Writes a de-identified copy of a DICOM image to `folder/PATIENT/SOP_INSTANCE_UID.dcm`, both pseudonymous.

    What is no image is not copied: reports, plans and documents are made of text. Nor is what cannot be read, nor an
    image that may show who it is of, unless Clean Pixel Data is asked for. A file that is there is never overwritten.

    Args:
        source: the file.
        folder: receives the copy.
        profile: what becomes of each attribute.
        secret: the key of pseudonyms, UIDs and dates.
    """
    try:
        dataset = _read(source)
        pixel_keyword(dataset)
        log: ActionLog = Counter()
        if "clean-pixels" in profile.options:
            log["PixelData", "blacked out"] += clean_pixels(dataset)
        elif why := may_show_text(dataset):
            raise Unsupported(f"{why}: ask for clean-pixels, or leave it out")
        log += deidentify_dataset(dataset, profile, Replacements(secret))
        return Outcome(source, _write(dataset, folder), log=log)
    except ImageRejected as rejection:
        return Outcome(source, reason=str(rejection))
    except FileExistsError:
        return Outcome(source, reason="another file with its SOP Instance UID is there already")
    except OSError as error:
        return Outcome(source, reason=f"it cannot be read or written: {error.strerror}")


def _read(source: Path) -> Dataset:
    dataset = read_dataset(read_image_file(source))
    if not text(dataset.file_meta, "TransferSyntaxUID"):
        raise Unsupported("its transfer syntax is not known, so that it cannot be written")
    if not (text(dataset, "SOPClassUID") and text(dataset, "SOPInstanceUID")):
        raise Unsupported("it has no SOP Class UID or SOP Instance UID, without which no DICOM file is complete")
    return dataset


def _write(dataset: Dataset, folder: Path) -> Path:
    """Writes a dataset under its new names, whole or not at all."""
    parent = folder / text(dataset, "PatientID")
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / f"{text(dataset, 'SOPInstanceUID')}.dcm"
    partial = parent / f".{target.name}.{os.getpid()}.partial"
    try:
        dataset.save_as(partial, enforce_file_format=True)
        os.link(partial, target)  # unlike a rename, it never replaces what is there
    except OSError:
        raise
    except Exception as error:  # pydicom raises any type where an element cannot be written
        raise Unsupported(f"it cannot be written ({type(error).__name__})") from error
    finally:
        partial.unlink(missing_ok=True)
    return target
