"""Records of the test split, read as they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

import tensorflow as tf

from data_schemas.features import EXAMPLE_ID
from data_schemas.wire import example_pb2


def serialized(folder: Path) -> Iterator[bytes]:
    """Yields the serialized examples of a split's folder."""
    files = sorted(str(path) for path in folder.glob("*") if path.is_file())
    yield from tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()


def with_ids(folder: Path, ids: Set[str]) -> dict[str, bytes]:
    """Returns serialized examples by id; ids that the split has no record of are left out."""
    return {name: record for record in serialized(folder) if (name := example_id(record)) in ids}


def example_id(record: bytes) -> str:
    """Returns the keyed hash that names an image."""
    return str(feature(record, EXAMPLE_ID).bytes_list.value[0].decode())


def feature(record: bytes, name: str) -> example_pb2.Feature:
    """Returns one feature of a serialized example."""
    return example_pb2.Example.FromString(record).features.feature[name]
