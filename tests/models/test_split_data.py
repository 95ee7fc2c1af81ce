"""A split read from several files, kept in RAM or, where that is short, on disk: the same images in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models import split_data
from models.split_data import SplitData, load_split
from tests.models.tasks import demo_task

SIDE = 16


class Transform:
    """Stands for the Transform step's output: an example's pixel value becomes an image of it."""

    def raw_feature_spec(self) -> dict[str, Any]:
        return {
            "example_id": tf.io.FixedLenFeature([1], tf.string),
            "patient": tf.io.FixedLenFeature([1], tf.string),
            "study": tf.io.FixedLenFeature([1], tf.string),
            "value": tf.io.FixedLenFeature([1], tf.float32),
        }

    def transform_features_layer(self) -> Any:
        def layer(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            image = raw["value"][:, :, None, None] * tf.ones((1, SIDE, SIDE, 1))
            return {"image_xf": image, "label_xf": tf.cast(raw["value"], tf.int64) % 3}

        return layer


def _write(folder: Path, counts: list[int]) -> list[str]:
    number = 0
    for shard, count in enumerate(counts):
        with tf.io.TFRecordWriter(str(folder / f"data-{shard}.gz"), options="GZIP") as writer:
            for _ in range(count):
                example = tf.train.Example()
                example.features.feature["example_id"].bytes_list.value.append(b"e%d" % number)
                example.features.feature["patient"].bytes_list.value.append(b"p%d" % (number // 4))
                example.features.feature["study"].bytes_list.value.append(b"s%d" % (number // 2))
                example.features.feature["value"].float_list.value.append(number)
                writer.write(example.SerializeToString())
                number += 1
    return [f"{folder}/*.gz"]


def _load(patterns: list[str], scratch: Path, **changes: Any) -> SplitData:
    task = demo_task(image={"size": (SIDE, SIDE)})
    return load_split(patterns, transform=Transform(), task=task, scratch=scratch, name="train", **changes)


def test_every_record_of_every_file_is_there_once_and_its_parts_belong_together(tmp_path: Path) -> None:
    split = _load(_write(tmp_path, [70, 3, 0, 90, 20]), tmp_path)
    numbers = split.images[:, 0, 0, 0].astype(int)
    assert sorted(numbers) == list(range(183)) and len(split) == 183
    assert [f"e{number}" for number in numbers] == list(split.example_ids)
    assert [f"p{number // 4}" for number in numbers] == list(split.patients)
    assert [f"s{number // 2}" for number in numbers] == list(split.studies)
    np.testing.assert_array_equal(split.labels, numbers % 3)


def test_the_order_is_the_same_each_time(tmp_path: Path) -> None:
    patterns = _write(tmp_path, [70, 30, 90])
    assert _load(patterns, tmp_path).example_ids == _load(patterns, tmp_path).example_ids


def test_where_ram_is_short_the_same_images_lie_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = _write(tmp_path, [40, 40])
    in_ram = _load(patterns, tmp_path)
    assert not isinstance(in_ram.images, np.memmap)
    monkeypatch.setattr(split_data, "_available_bytes", lambda: 1000.0)
    on_disk = _load(patterns, tmp_path / "scratch")
    assert isinstance(on_disk.images, np.memmap) and (tmp_path / "scratch" / "train.npy").is_file()
    np.testing.assert_array_equal(on_disk.images, in_ram.images)


def test_a_split_without_an_example_is_refused_unless_it_may_be_empty(tmp_path: Path) -> None:
    patterns = _write(tmp_path, [0])
    with pytest.raises(ValueError, match="the split train has no example"):
        _load(patterns, tmp_path)
    empty = _load(patterns, tmp_path, may_be_empty=True)
    assert len(empty) == 0 and empty.images.shape == (0, SIDE, SIDE, 1) and empty.labels.shape == (0,)
