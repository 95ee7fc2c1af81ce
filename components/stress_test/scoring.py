"""Changes images in threads and has the exported model score them, a few at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.stress_test.sample import Sample
from data_schemas import features
from data_schemas.errors import ConfigurationError
from data_schemas.wire import example_pb2
from imaging.ablations import Image
from imaging.canonical import decode_png, encode_passing_png
from imaging.display import Display
from imaging.perturbations import Perturbation

SCORES, FEATURES = "scores_at_calibration_prevalence", "features"
_AT_ONCE = 32
"""Images held decoded."""
_AHEAD = 2
"""Changes prepared while the model scores the one before."""
_progress = logging.getLogger("radflow.progress")

Level = tuple[Perturbation, float]


@dataclass(frozen=True)
class StressScores:
    """Scores before and after each change.

    Attributes:
        unperturbed: float32 (images, labels).
        changed: float32 (changes, images, labels).
        images_changed: int (changes,), how many images were changed at all.
        features: float32 (images, features), or None where the model does not give them.
    """

    unperturbed: NDArray[np.float32]
    changed: NDArray[np.float32]
    images_changed: NDArray[np.int64]
    features: NDArray[np.float32] | None


class ExportedModel:
    """An exported model's scores and features, without what else its signatures compute.

    Args:
        folder: the SavedModel.

    Raises:
        ConfigurationError: it has no scores by that name.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = tf.saved_model.load(str(folder))  # signatures live as long as it does
        signatures = self._loaded.signatures
        if SCORES not in signatures["serving_default"].structured_outputs:
            raise ConfigurationError(
                f"the model's serving_default has no {SCORES}: export it again, with `radflow run`"
            )
        self._score = _one_output(signatures["serving_default"], SCORES)
        self._features = _one_output(signatures[FEATURES], FEATURES) if FEATURES in signatures else None

    def scores(self, records: Sequence[bytes]) -> NDArray[np.float32]:
        """Returns float32 (records, labels), probabilities at the calibration split's prevalence."""
        return np.asarray(self._score(tf.constant(list(records))).numpy(), np.float32)

    def features(self, records: Sequence[bytes]) -> NDArray[np.float32] | None:
        """Returns float32 (records, features), or None where the model has no such signature."""
        if self._features is None:
            return None
        return np.asarray(self._features(tf.constant(list(records))).numpy(), np.float32)


def stress_scores(model: ExportedModel, sample: Sample, levels: Sequence[Level], display: Display) -> StressScores:
    """Returns the scores of a sample before and after each change.

    Args:
        model: the exported model.
        sample: what is scored.
        levels: the changes.
        display: what the task shows.
    """
    parts = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for start in range(0, len(sample.records), _AT_ONCE):
            chosen = slice(start, start + _AT_ONCE)
            _progress.debug("%d of %d images, each changed in %d ways", start, len(sample.records), len(levels))
            parts.append(
                _Stressed(sample.records[chosen], sample.image_ids[chosen].tolist()).scores(
                    model, levels, display, threads=threads
                )
            )
    seen = [part.features for part in parts if part.features is not None]
    return StressScores(
        unperturbed=np.concatenate([part.unperturbed for part in parts]),
        changed=np.concatenate([part.changed for part in parts], axis=1),
        images_changed=np.sum([part.images_changed for part in parts], axis=0),
        features=np.concatenate(seen) if seen else None,
    )


class _Stressed:
    """A few images, decoded once for all changes."""

    def __init__(self, records: Sequence[example_pb2.Example], image_ids: Sequence[str]) -> None:
        self._records, self._image_ids = records, image_ids

    def scores(
        self, model: ExportedModel, levels: Sequence[Level], display: Display, *, threads: ThreadPoolExecutor
    ) -> StressScores:
        """Returns the scores of these images before and after each change."""
        unchanged = [record.SerializeToString() for record in self._records]
        images = list(threads.map(_image, self._records))
        before = model.scores(unchanged)
        changed, counts = np.repeat(before[np.newaxis], len(levels), axis=0), np.zeros(len(levels), np.int64)
        for index, records in enumerate(self._changed(images, levels, display, threads)):
            moved = [place for place, record in enumerate(records) if record is not None]
            # An image in which nothing was changed has the score that it had.
            if moved:
                changed[index, moved] = model.scores([record for record in records if record is not None])
            counts[index] = len(moved)
        return StressScores(before, changed, counts, model.features(unchanged))

    def _changed(
        self, images: Sequence[Image], levels: Sequence[Level], display: Display, threads: ThreadPoolExecutor
    ) -> Iterator[list[bytes | None]]:
        """Yields by change the records with changed images, None for one that stayed as it was; some are made ahead."""
        waiting: list[list[Future[bytes | None]]] = []
        for perturbation, level in levels:
            waiting.append(
                [
                    threads.submit(_changed_record, record, image, perturbation, level, display, image_id)
                    for record, image, image_id in zip(self._records, images, self._image_ids, strict=True)
                ]
            )
            if len(waiting) > _AHEAD:
                yield [future.result() for future in waiting.pop(0)]
        for futures in waiting:
            yield [future.result() for future in futures]


def _image(record: example_pb2.Example) -> Image:
    return decode_png(record.features.feature[features.IMAGE].bytes_list.value[0])


def _changed_record(
    record: example_pb2.Example,
    image: Image,
    perturbation: Perturbation,
    level: float,
    display: Display,
    image_id: str,
) -> bytes | None:
    changed = perturbation.apply(image, level, display=display, image_id=image_id)
    if np.array_equal(changed, image):
        return None
    copy = example_pb2.Example()
    copy.CopyFrom(record)
    copy.features.feature[features.IMAGE].bytes_list.value[0] = encode_passing_png(changed)
    return bytes(copy.SerializeToString())


def _one_output(signature: Any, name: str) -> Any:
    """Returns a function of one output; TensorFlow leaves out of it what that output does not need."""
    return tf.function(
        lambda records: signature(inputs=records)[name], input_signature=[tf.TensorSpec([None], tf.string)]
    )
