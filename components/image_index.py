"""Writes and reads the image index (`data_schemas.image_index`) as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from data_schemas.features import extra_column
from data_schemas.image_index import COLUMNS, FILE_PATTERN
from data_schemas.task import Task

_TYPES: dict[str, pa.DataType] = {
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "float32": pa.float32(),
    "string": pa.string(),
    "binary": pa.binary(),
    "list<float32>": pa.list_(pa.float32()),
    "list<int8>": pa.list_(pa.int8()),
}


def index_file(shard: int, shards: int) -> str:
    """Returns the name of a shard's file."""
    return FILE_PATTERN.replace("*", f"{shard:05d}-of-{shards:05d}")


def write_index(rows: Sequence[Mapping[str, Any]], file: BinaryIO, *, task: Task) -> None:
    """Writes rows of the index as one Parquet file.

    Args:
        rows: `imaging.index_row.IndexRow`s; what a row leaves out becomes null.
        file: open for writing bytes.
        task: its extra columns are part of the index.
    """
    parquet.write_table(pa.Table.from_pylist(list(rows), schema=_schema(task)), file)


def read_index(folder: Path) -> pa.Table:
    """Returns the whole index of an ingest, sorted by manifest row and frame.

    Args:
        folder: of the ingest report's artifact.

    Raises:
        FileNotFoundError: there is no index in it.
    """
    files = sorted(folder.glob(FILE_PATTERN))
    if not files:
        raise FileNotFoundError(f"no image index in {folder}")
    table = pa.concat_tables([parquet.read_table(file) for file in files])
    return table.sort_by([("manifest_row", "ascending"), ("frame", "ascending")])


def _schema(task: Task) -> pa.Schema:
    extra = {extra_column(name): "string" for name in task.extra_columns}
    return pa.schema([(name, _TYPES[kind]) for name, kind in {**COLUMNS, **extra}.items()])
