"""The ingest by its executor: splits, rejects, and a result that does not hang on the shards."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.artifacts import IngestReport as IngestReportArtifact
from components.dicom_example_gen import executor
from components.image_index import read_index
from data_schemas import features
from data_schemas.ingest_report import IngestReport
from data_schemas.task_file import task_to_json
from data_schemas.wire import example_pb2
from tests.models.tasks import demo_task

pytestmark = pytest.mark.pipeline

ROWS = 60


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty PNGs of thirty patients, the last three rows of no use."""
    folder = tmp_path_factory.mktemp("ingest")
    labels = ("normal", "nodule", "cavity")
    lines = ["file,label,patient_id"]
    for row in range(ROWS):
        image = np.random.default_rng(row).integers(0, 65535, (40, 30), np.uint16)
        cv2.imwrite(str(folder / f"{row}.png"), image)
        lines.append(f"{row}.png,{labels[row % 3]},patient{row // 2}")
    for name, content in (("cut.png", b"\x89PNG\r\n\x1a\n"), ("text.dcm", b"text"), ("empty.dcm", b"")):
        (folder / name).write_bytes(content)
        lines.append(f"{name},normal,patient0")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


def _ingest(manifest: Path, output: Path) -> tuple[dict[str, list[bytes]], IngestReport]:
    examples, report = standard_artifacts.Examples(), IngestReportArtifact()
    examples.uri, report.uri = str(output / "examples"), str(output / "report")
    pattern = example_gen_pb2.Input(splits=[{"name": "manifest", "pattern": manifest.name}])
    executor.Executor().Do(
        {},
        {"examples": [examples], "ingest_report": [report]},
        {
            "task": task_to_json(demo_task()),
            "input_base": str(manifest.parent),
            "input_config": proto_utils.proto_to_json(pattern),
            "pseudonym_key": str(output / "private" / "key"),
            "withdrawals": str(output / "private" / "withdrawn.txt"),
        },
    )
    records = {}
    for split in features.SPLITS:
        files = tf.io.gfile.glob(f"{examples.uri}/Split-{split}/*")
        records[split] = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    return records, IngestReport.model_validate_json((output / "report" / "ingest.json").read_text())


@pytest.fixture(scope="module")
def first_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("first")


@pytest.fixture(scope="module")
def ingested(manifest: Path, first_output: Path) -> tuple[dict[str, list[bytes]], IngestReport]:
    return _ingest(manifest, first_output)


def test_every_usable_row_is_in_one_split(ingested: tuple[dict[str, list[bytes]], IngestReport]) -> None:
    records, report = ingested
    rows = [_row(record) for split in records.values() for record in split]
    assert sorted(rows) == list(range(1, ROWS + 1))
    assert report.examples == {split: len(found) for split, found in records.items()}
    assert report.patients_in_two_splits() == 0
    assert report.patient_count == ROWS // 2


def test_rows_of_no_use_are_listed_with_their_reason(ingested: tuple[dict[str, list[bytes]], IngestReport]) -> None:
    _, report = ingested
    assert [(reject.row, reject.status) for reject in report.rejects] == [
        (ROWS + 1, "corrupt"), (ROWS + 2, "not_dicom"), (ROWS + 3, "not_dicom"),
    ]  # fmt: skip
    assert report.rows == ROWS + 3


def test_the_number_of_shards_changes_neither_records_nor_report(
    ingested: tuple[dict[str, list[bytes]], IngestReport],
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records, report = ingested
    monkeypatch.setattr(executor, "_FEWEST_ROWS", 10)
    again, report_again = _ingest(manifest, tmp_path)
    assert len(list((tmp_path / "examples" / "Split-train").iterdir())) == 7
    for split in features.SPLITS:
        assert sorted(map(_row, again[split])) == sorted(map(_row, records[split]))
    assert report_again.examples == report.examples and report_again.rejects == report.rejects


def test_another_key_gives_other_pseudonyms_and_the_same_splits(
    ingested: tuple[dict[str, list[bytes]], IngestReport], manifest: Path, tmp_path: Path
) -> None:
    _, report = ingested
    _, other = _ingest(manifest, tmp_path)
    assert other.pseudonym_key_id != report.pseudonym_key_id
    assert not set(other.patients["train"]) & set(report.patients["train"])
    assert other.examples == report.examples


def test_the_report_names_neither_files_nor_patients(
    ingested: tuple[dict[str, list[bytes]], IngestReport], manifest: Path
) -> None:
    text = json.dumps(ingested[1].model_dump())
    assert "patient1" not in text and ".png" not in text and str(manifest.parent) not in text


def test_the_index_has_every_record_without_its_pixels(
    ingested: tuple[dict[str, list[bytes]], IngestReport], first_output: Path
) -> None:
    records, _ = ingested
    index = read_index(first_output / "report")
    assert dict(zip(index["manifest_row"].to_pylist(), index["split"].to_pylist(), strict=True)) == {
        _row(record): split for split, found in records.items() for record in found
    }
    assert index["label"].to_pylist()[:3] == ["normal", "nodule", "cavity"]
    assert len(set(index["pixel_hash"].to_pylist())) == ROWS
    assert index["patient"][0] == index["patient"][1] and index["patient"][1] != index["patient"][2]
    assert index["age_years"].null_count == ROWS and index["sex"][0].as_py() == features.UNKNOWN
    assert "image" not in index.column_names


def test_the_index_is_keyed_and_names_nobody(manifest: Path, first_output: Path, tmp_path: Path) -> None:
    _ingest(manifest, tmp_path)
    first, other = read_index(first_output / "report"), read_index(tmp_path / "report")
    for column in ("patient", "study", "example_id", "file_hash", "pixel_hash"):
        assert not set(first[column].to_pylist()) & set(other[column].to_pylist())
    assert "patient0" not in str(first.to_pydict())


def _row(record: bytes) -> int:
    value: int = example_pb2.Example.FromString(record).features.feature[features.MANIFEST_ROW].int64_list.value[0]
    return value
