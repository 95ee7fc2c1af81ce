"""The Transform step, analyzed and run by Beam as TFX does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.tf_metadata import schema_utils

from data_schemas import features
from data_schemas.schema import build_schema
from data_schemas.task import Task
from tests.models.records import record, write_transform
from tests.models.tasks import demo_task, multi_label_task

pytestmark = pytest.mark.pipeline

SIDE = 16


def _transform(records: list[bytes], task: Task, scratch: Path) -> dict[str, np.ndarray]:
    """Analyzes records as `train`, and returns them transformed by the graph that this gave."""
    write_transform(records, task, scratch)
    output = tft.TFTransformOutput(str(scratch / "graph"))
    parsed = tf.io.parse_example(
        tf.constant(records), schema_utils.schema_as_feature_spec(build_schema(task)).feature_spec
    )
    return {name: value.numpy() for name, value in output.transform_features_layer()(parsed).items()}


def _images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 60000, (SIDE, SIDE)).astype(np.uint16) for _ in range(count)]


def test_standardized_images_have_mean_0_and_deviation_1_over_train(tmp_path: Path) -> None:
    task = demo_task(image={"size": (SIDE, SIDE), "normalization": "standardized"}, training={"augmentation": {}})
    images = _images(6)
    found = _transform([record(image, task, label=[b"nodule"]) for image in images], task, tmp_path)
    found = found[features.TRANSFORMED_IMAGE]
    assert found.shape == (6, SIDE, SIDE, 1)
    assert found.mean() == pytest.approx(0, abs=1e-4)
    assert found.std() == pytest.approx(1, abs=1e-3)


def test_labels_become_indices_in_the_tasks_order_and_a_stranger_minus_one(tmp_path: Path) -> None:
    task = demo_task(image={"size": (SIDE, SIDE)})
    labels = [b"cavity", b"cavity", b"cavity", b"nodule", b"normal", b"lump"]
    records = [record(image, task, label=[label]) for image, label in zip(_images(6), labels, strict=True)]
    found = _transform(records, task, tmp_path)[features.TRANSFORMED_LABEL]
    np.testing.assert_array_equal(found, [[2], [2], [2], [1], [0], [-1]])


def test_findings_keep_their_order_and_unknown_stays_minus_one(tmp_path: Path) -> None:
    task = multi_label_task(image={"size": (SIDE, SIDE)})
    found = _transform([record(_images(1)[0], task, findings=[1, -1])], task, tmp_path)
    np.testing.assert_array_equal(found[features.TRANSFORMED_LABEL], [[1, -1]])
