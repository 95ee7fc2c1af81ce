"""Worker processes: what they write, and what is left when one of them dies."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.dicom_example_gen.shard import Shard, ShardJob
from components.dicom_example_gen.workers import ShardWorkers, find_lethal
from data_schemas.features import SPLITS
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms
from tests.models.tasks import demo_task


@pytest.fixture
def job(tmp_path: Path) -> ShardJob:
    folders = {split: str(tmp_path / split) for split in SPLITS}
    for folder in folders.values():
        Path(folder).mkdir()
    return ShardJob(demo_task(), (), Pseudonyms(bytes(32)), folders, str(tmp_path))


@pytest.fixture
def lethal_path(monkeypatch: pytest.MonkeyPatch) -> type[Path]:
    """A class that worker processes find too."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("lethal_path").LethalPath


def _rows(folder: Path, count: int, *, lethal: Sequence[int] = (), path: type[Path] = Path) -> tuple[ManifestRow, ...]:
    file = folder / "film.png"
    cv2.imwrite(str(file), np.random.default_rng(1).integers(0, 65_535, (40, 30), np.uint16))
    return tuple(
        ManifestRow(row=row, file=path(file) if row in lethal else file, label="normal", patient_id=f"p{row}")
        for row in range(1, count + 1)
    )


def test_every_shard_is_written_once(tmp_path: Path, job: ShardJob) -> None:
    rows = _rows(tmp_path, 10)
    workers = ShardWorkers(job, processes=2, total=10)
    for index in range(3):
        workers.submit(Shard(index, 3, rows[index::3]))
    results = list(workers.results())
    workers.close()
    assert sorted(result.rows for result in results) == [3, 3, 4]
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == [
        f"data_tfrecord-0000{index}-of-00003.gz" for index in range(3)
    ]


def test_a_row_that_ends_its_process_is_rejected_and_the_others_are_written(
    tmp_path: Path, job: ShardJob, lethal_path: type[Path]
) -> None:
    rows = _rows(tmp_path, 8, lethal=(3,), path=lethal_path)
    workers = ShardWorkers(job, processes=2, total=8)
    for index in range(2):
        workers.submit(Shard(index, 2, rows[index::2]))
    results = list(workers.results())
    workers.close()
    assert [(reject.row, reject.status) for result in results for reject in result.rejects] == [(3, "corrupt")]
    assert sum(sum(result.examples.values()) for result in results) == 7


def test_lethal_rows_are_found_by_halving(tmp_path: Path) -> None:
    rows, tried = _rows(tmp_path, 64), list[int]()

    def survives(some: Sequence[ManifestRow]) -> bool:
        tried.append(len(some))
        return not {5, 60} & {row.row for row in some}

    assert [row.row for row in find_lethal(rows, survives)] == [5, 60]
    assert len(tried) <= 2 * 2 * 6 + 1
