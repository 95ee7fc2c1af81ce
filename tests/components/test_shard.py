"""A shard writes every record of a row, or the row's rejection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from components.dicom_example_gen.shard import Shard, ShardJob, write_shard
from data_schemas.features import SPLITS
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms
from tests.imaging.conftest import make_dicom
from tests.models.tasks import demo_task


def test_every_frame_of_a_row_is_written_and_counted(tmp_path: Path) -> None:
    task = demo_task()
    task = task.model_copy(update={"image": task.image.model_copy(update={"frame": "every"})})
    frames = np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32)
    (tmp_path / "cine.dcm").write_bytes(make_dicom(frames[0], NumberOfFrames=3, PixelData=frames.tobytes()))
    (tmp_path / "text.dcm").write_text("text")
    rows = tuple(
        ManifestRow(row=number, file=tmp_path / name, label="nodule", split="eval")
        for number, name in ((1, "cine.dcm"), (2, "text.dcm"))
    )
    folders = {split: str(tmp_path / split) for split in SPLITS}
    for folder in (*folders.values(), str(tmp_path / "index")):
        Path(folder).mkdir()
    job = ShardJob(task, ("train", "eval", "test"), Pseudonyms(bytes(32)), folders, str(tmp_path / "index"))
    said: list[int] = []
    result = write_shard(Shard(0, 1, rows), job, lambda: said.append(1))
    assert (result.rows, len(said)) == (2, 2)
    assert result.examples == {"eval": 3}
    assert result.labels["eval"] == {"nodule": 3}
    assert [reject.row for reject in result.rejects] == [2]
    (index,) = (tmp_path / "index").iterdir()
    assert pq.read_table(index)["frame"].to_pylist() == [1, 2, 3]
