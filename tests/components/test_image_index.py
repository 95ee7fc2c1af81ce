from __future__ import annotations

from pathlib import Path

import pytest

from components.image_index import index_file, read_index, write_index
from data_schemas.image_index import COLUMNS
from tests.models.tasks import demo_task

ROWS = [
    {"manifest_row": 3, "frame": 0, "perceptual_hash": 2**64 - 1, "border": [0.5, 1.0], "age_years": None},
    {"manifest_row": 1, "frame": 0, "perceptual_hash": 0, "border": [], "age_years": 40.5},
]


def _write(folder: Path, rows: list[dict[str, object]], shard: int) -> None:
    with (folder / index_file(shard, 2)).open("wb") as file:
        write_index(rows, file, task=demo_task())


def test_what_shards_write_is_read_as_one_table_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    _write(tmp_path, ROWS[:1], 0)
    _write(tmp_path, ROWS[1:], 1)
    table = read_index(tmp_path)
    assert table["manifest_row"].to_pylist() == [1, 3]
    assert table["perceptual_hash"].to_pylist() == [0, 2**64 - 1]
    assert table["border"].to_pylist() == [[], [0.5, 1.0]]
    assert table["age_years"].to_pylist() == [40.5, None]
    assert set(COLUMNS) <= set(table.column_names)


def test_a_shard_without_images_has_its_columns_all_the_same(tmp_path: Path) -> None:
    _write(tmp_path, [], 0)
    _write(tmp_path, ROWS, 1)
    assert len(read_index(tmp_path)) == 2


def test_a_folder_without_an_index_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no image index"):
        read_index(tmp_path)
