"""What the Trainer writes of its training images, read from records as the ingest writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data_schemas.training_data import LEVELS, RARE, TrainingData
from data_schemas.wire import example_pb2
from models.training_summary import write_training_data


def _record(index: int) -> bytes:
    example = example_pb2.Example()
    found = example.features.feature
    for name in ("mean", "standard_deviation", "sharpness", "border_share"):
        found[name].float_list.value.append(index / 100)
    if index % 2:
        found["age_years"].float_list.value.append(40 + index)
    else:
        found["age_years"].float_list.SetInParent()
    for name, value in {
        "sex": "F" if index < 70 else "M",
        "manufacturer": "RARE" if index < 5 else "COMMON",
        "view": "unknown",
        "modality": "DX",
        "patient": f"patient {index}",
    }.items():
        found[name].bytes_list.value.append(value.encode())
    found["image"].bytes_list.value.append(b"no image is decoded")
    return example.SerializeToString()


def test_quantiles_and_shares_of_the_records_are_written(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "records.gz"), tf.io.TFRecordOptions("GZIP")) as writer:
        for index in range(100):
            writer.write(_record(index))
    write_training_data(tmp_path, [str(tmp_path / "*.gz")])
    found = TrainingData.model_validate_json((tmp_path / "training_data.json").read_text())
    assert (found.images, found.patients) == (100, 100)
    assert found.numbers["mean"].quantiles == pytest.approx(np.quantile(np.arange(100) / 100, LEVELS), abs=1e-6)
    assert (found.numbers["age_years"].known, len(found.numbers["age_years"].quantiles)) == (50, 19)
    assert found.shares["sex"] == pytest.approx({"F": 0.7, "M": 0.3})
    assert found.shares["manufacturer"] == pytest.approx({"COMMON": 0.95, RARE: 0.05})
    assert found.shares["view"] == {"unknown": 1.0}
    assert "patient 1" not in (tmp_path / "training_data.json").read_text()
