"""The image index as arrays, in the words of a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_schemas import features, image_index
from data_schemas.task import Task

Words = NDArray[np.object_]


@dataclass(frozen=True)
class ImageTable:
    """All images of an ingest.

    Attributes:
        index: `components.image_index.read_index`'s.
        task: says what the labels are.
    """

    index: pa.Table
    task: Task

    def __len__(self) -> int:
        """The number of images."""
        return len(self.index)

    def words(self, column: str) -> Words:
        """Returns a text column, (images,); `unknown` where it says nothing."""
        return np.asarray([word or features.UNKNOWN for word in self.index[column].to_pylist()], object)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Returns a numeric column, float64 (images,); nan where it says nothing."""
        return np.array([np.nan if value is None else value for value in self.index[column].to_pylist()], np.float64)

    def vectors(self, column: str) -> NDArray[np.float64]:
        """Returns a column of lists of one length, float64 (images, length)."""
        return np.asarray(self.index[column].to_pylist(), np.float64).reshape(len(self), -1)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the manifest, (images,)."""
        return np.asarray(self.index[features.MANIFEST_ROW].to_numpy(), np.int64)

    @cached_property
    def splits(self) -> Words:
        """The split of each image."""
        return self.words(image_index.SPLIT)

    @cached_property
    def patients(self) -> Words:
        """The pseudonym of each image's patient."""
        return self.words(features.PATIENT)

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """Perceptual hashes, (images,)."""
        return np.asarray(self.index[image_index.PERCEPTUAL_HASH].to_numpy(), np.uint64)

    @cached_property
    def thumbnails(self) -> NDArray[np.uint8]:
        """Thumbnails, uint8 (images, pixels)."""
        joined = b"".join(self.index[image_index.THUMBNAIL].to_pylist())
        return np.frombuffer(joined, np.uint8).reshape(len(self), -1)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Findings of the task, int64 (images, findings): 1 present, 0 absent, -1 unknown."""
        if self.task.labels.type == "multi_label":
            return np.asarray(self.index[features.FINDINGS].to_pylist(), np.int64).reshape(len(self), -1)
        label = self.words(features.LABEL)
        return np.stack([(label == name).astype(np.int64) for name in self.task.labels.findings], axis=1)

    def groups(self) -> Iterator[tuple[str, Words]]:
        """Yields every feature that results are sliced by and that is known of some image, with its column."""
        for name in (*features.HEADER_SLICES, *self.task.extra_columns):
            column = self.words(features.slice_feature(name))
            if (column != features.UNKNOWN).any():
                yield name, column


def patient_count(patients: Any) -> int:
    """Returns how many different patients there are."""
    return len(set(patients))
