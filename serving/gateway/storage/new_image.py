"""What the gateway is given to keep: an image of an upload, and what was sent to a model of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serving.gateway.schemas.images import Image

Features = Mapping[str, float | str | Sequence[float]]
"""The features of a tf.Example but its pixels, by their names in `data_schemas.features`. None identifies a patient."""


@dataclass(frozen=True)
class FinishedFile:
    """A file that survives a power cut and that the image store may have for its own, instead of a copy."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class NewImage:
    """A file of an upload that gives an image, as it is to be kept.

    Attributes:
        data: the file's bytes, de-identified; or where they are, to be copied or taken from there.
        image: what the API says of it. Its `id` is not kept: the store gives it another, so that any will do.
        patient_hash, study_hash, sop_hash: keyed hashes (`imaging.pseudonyms`); empty where the file names none.
        thumbnail: PNG.
        statistics: features that are known at upload.
    """

    data: bytes | Path | FinishedFile = field(repr=False)
    image: Image
    patient_hash: str
    study_hash: str
    sop_hash: str
    thumbnail: bytes | FinishedFile = field(repr=False)
    statistics: Features = field(default_factory=dict)


@dataclass(frozen=True)
class ServedImage:
    """What a model was sent and answered for one frame, to be compared with what it was trained on.

    Attributes:
        image: the image's id.
        frame: of the image, from 1.
        features: of the tf.Example that was sent.
        scores: of each label, 0..1, at the calibration split's prevalence, as the test split's are; also of an image
            whose scores no reader was shown.
    """

    image: str
    frame: int
    features: Features
    scores: Mapping[str, float]
