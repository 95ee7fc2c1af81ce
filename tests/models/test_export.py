"""What the exported graph reads of a record beside its image, and the features that it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data_schemas.description import Calibration, ModelDescription
from models.export import _headers, export_model
from models.network import build_network
from models.scope import fit_scope
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task


def _record(*ages: float, **texts: str) -> bytes:
    example = tf.train.Example()
    example.features.feature["age_years"].float_list.value.extend(ages)
    for name, text in texts.items():
        example.features.feature[name].bytes_list.value.append(text.encode())
    return example.SerializeToString()


@pytest.mark.parametrize(
    "ages", [[(5.0,), ()], [(), (5.0,)], [(), ()], [()], [(), (), (7.0,), ()], [(3.0, 4.0), ()]], ids=str
)
def test_every_record_has_one_age_or_none(ages: list[tuple[float, ...]]) -> None:
    read = tf.function(_headers)
    found = read(tf.constant([_record(*own) for own in ages]))["age_years"].numpy()
    np.testing.assert_array_equal(found, [own[0] if own else np.nan for own in ages])


def test_a_record_without_the_features_is_unknown() -> None:
    found = _headers(tf.constant([tf.train.Example().SerializeToString(), _record(modality="CR", view="PA")]))
    assert found["modality"].numpy().tolist() == [b"unknown", b"CR"]
    assert found["view"].numpy().tolist() == [b"unknown", b"PA"]
    assert np.isnan(found["age_years"].numpy()).all()


class _Transform:
    """A Transform graph whose images are float32 already."""

    def raw_feature_spec(self) -> dict[str, Any]:
        return {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}

    def transform_features_layer(self) -> Any:
        return lambda raw: {
            "image_xf": tf.reshape(tf.io.decode_raw(raw["image"], tf.float32), [-1, SIZE, SIZE, 1]),
            "label_xf": raw.get("label"),
        }


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_features_are_what_the_head_makes_logits_of(pooling: str, tmp_path: Path) -> None:
    task = demo_task(image={"size": (SIZE, SIZE)}, model={"pooling": pooling})
    network = build_network(task, weights=None)
    split = quarter_split(0)
    description = ModelDescription(
        task=task,
        operating_points=dict.fromkeys(task.labels.names, 0.5),
        prevalence=dict.fromkeys(task.labels.names, 1 / 3),
        calibration=Calibration.identity(3),
        radflow_version="0",
    )
    scope = fit_scope(network, split, seed=0)
    export_model(network, _Transform(), description=description, scope=scope, folder=tmp_path / "model")
    signatures = tf.saved_model.load(str(tmp_path / "model")).signatures
    images = [_example_with(image) for image in split.images[:5]]
    features = signatures["features"](inputs=tf.constant(images))["features"].numpy()
    feature_map = network.features.predict(split.images[:5], verbose=0)
    expected = feature_map.mean(axis=(1, 2)) if pooling == "avg" else feature_map.max(axis=(1, 2))
    np.testing.assert_allclose(features, expected, atol=1e-5)
    kernel, bias = network.head.get_layer("logits").get_weights()
    logits = signatures["serving_default"](inputs=tf.constant(images))["raw_scores"].numpy()
    np.testing.assert_allclose(features @ kernel + bias, logits, atol=1e-4)


def _example_with(image: np.ndarray) -> bytes:
    example = tf.train.Example()
    example.features.feature["image"].bytes_list.value.append(image.tobytes())
    return example.SerializeToString()
