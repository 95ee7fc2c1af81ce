"""Which test images are stressed: the same ones in every run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from data_schemas import features
from data_schemas.errors import ConfigurationError
from data_schemas.task import Labels
from data_schemas.wire import example_pb2

MOST_IMAGES = 300
"""And so patients. Each is scored some twenty times."""


@dataclass(frozen=True)
class Sample:
    """Records of the test split, in the order of their keyed hashes.

    Attributes:
        records: parsed examples.
        image_ids, patients, sexes: str (images,).
        ages: float (images,) in years, nan where it is not known.
        labels: int (images,) index of the label, or (images, labels) of 1, 0, -1.
        test_patients, test_images: that the whole split has.
    """

    records: list[example_pb2.Example]
    image_ids: NDArray[np.str_]
    patients: NDArray[np.str_]
    sexes: NDArray[np.str_]
    ages: NDArray[np.float64]
    labels: NDArray[np.int64]
    test_patients: int
    test_images: int

    @property
    def sampling(self) -> str:
        """How the images were chosen, in a sentence."""
        patients = len(np.unique(self.patients))
        if len(self.records) == self.test_images:
            return f"All {self.test_images} images of the {self.test_patients} patients of the test split."
        return (
            f"{len(self.records)} of the test split's {self.test_images} images, {patients} of its "
            f"{self.test_patients} patients: in the order of their keyed hashes, at most {MOST_IMAGES} images; of each "
            "patient as many as keep the whole below that, the same limit for all."
        )


def read_sample(folder: str, labels: Labels) -> Sample:
    """Returns the sample of a split.

    Args:
        folder: with GZIP TFRecord files.
        labels: the task's.

    Raises:
        ConfigurationError: the split is empty.
    """
    identities = [_identity(example) for example in _examples(folder)]
    chosen = choose(identities)
    if not chosen:
        raise ConfigurationError("the test split has no image: give the task a test share, or more patients")
    wanted = set(chosen)
    found = {_identity(example): example for example in _examples(folder) if _identity(example) in wanted}
    records = [found[identity] for identity in chosen]
    return Sample(
        records=records,
        image_ids=np.array([image for _, image in chosen]),
        patients=np.array([patient for patient, _ in chosen]),
        sexes=np.array([_text(record, features.SEX) for record in records]),
        ages=np.array([next(iter(_feature(one, features.AGE_YEARS).float_list.value), np.nan) for one in records]),
        labels=np.array([_label(record, labels) for record in records], np.int64),
        test_patients=len({patient for patient, _ in identities}),
        test_images=len(set(identities)),
    )


def choose(identities: Sequence[tuple[str, str]], *, most_images: int = MOST_IMAGES) -> list[tuple[str, str]]:
    """Returns the (patient, image) that are scored, in order.

    Both names are keyed hashes, so that their order is as good as chance, and the same in every run. Of each patient
    the first images are taken, as many as fit when every patient has that many at most, and one at least.

    Args:
        identities: (patient, image) of every image, in any order.
        most_images: how many images at most, and so patients.
    """
    by_patient: dict[str, list[str]] = defaultdict(list)
    for patient, image in sorted(set(identities)):
        by_patient[patient].append(image)
    patients = sorted(by_patient)[:most_images]
    counts = np.array([len(by_patient[patient]) for patient in patients], np.int64)
    each = max((k for k in range(1, counts.max(initial=1) + 1) if counts.clip(max=k).sum() <= most_images), default=1)
    return [(patient, image) for patient in patients for image in by_patient[patient][:each]]


def _examples(folder: str) -> Iterator[example_pb2.Example]:
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        yield example_pb2.Example.FromString(record)


def _identity(example: example_pb2.Example) -> tuple[str, str]:
    return _text(example, features.PATIENT), _text(example, features.EXAMPLE_ID)


def _feature(example: example_pb2.Example, name: str) -> example_pb2.Feature:
    return example.features.feature[name]


def _text(example: example_pb2.Example, name: str) -> str:
    return next((value.decode() for value in _feature(example, name).bytes_list.value), features.UNKNOWN)


def _label(example: example_pb2.Example, labels: Labels) -> int | list[int]:
    if labels.type == "multi_label":
        return list(_feature(example, features.FINDINGS).int64_list.value)
    name = _text(example, features.LABEL)
    return labels.names.index(name) if name in labels.names else -1
