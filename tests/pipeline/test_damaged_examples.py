"""Which examples are set aside: those of which files are gone, and after a failure those that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from components.dicom_example_gen.tfrecord import RecordWriter
from data_schemas.features import SPLITS
from pipeline.damaged_examples import set_aside_incomplete, set_aside_unreadable
from tests.recorded_output import RecordedOutput


@dataclass
class Recorded:
    """An output with one run, and what stands for its settings."""

    output: RecordedOutput
    settings: Any
    examples: pb.Artifact

    @property
    def folder(self) -> Path:
        return Path(self.examples.uri)

    def state(self) -> int:
        (found,) = self.output.store.get_artifacts_by_id([self.examples.id])
        return int(found.state)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    output = RecordedOutput(tmp_path / "output")
    examples = output.run("run-1", version=1)["examples"]
    settings = SimpleNamespace(metadata=output.database, pipeline_root=output.folder / "pipeline")
    found = Recorded(output, settings, examples)
    for path in found.folder.rglob("*.gz"):
        path.unlink()
    for split in SPLITS:
        (found.folder / f"Split-{split}").mkdir(exist_ok=True)
        for shard in (0, 1):
            write(found.folder / f"Split-{split}" / f"data_tfrecord-0000{shard}-of-00002.gz")
    return found


def write(path: Path) -> None:
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(b"record" * 100)
        writer.close()


def test_whole_examples_stay(recorded: Recorded) -> None:
    assert set_aside_incomplete(recorded.settings) == []
    assert set_aside_unreadable(recorded.settings, "run-1") == []
    assert recorded.state() == pb.Artifact.LIVE


@pytest.mark.parametrize("harm", ["one is gone", "all are gone", "one is empty"])
def test_examples_without_some_of_their_files_are_set_aside_once(recorded: Recorded, harm: str) -> None:
    first, second = sorted((recorded.folder / "Split-test").iterdir())
    if harm == "one is empty":
        first.write_bytes(b"")
    else:
        first.unlink()
    if harm == "all are gone":
        second.unlink()
    assert set_aside_incomplete(recorded.settings) == [recorded.folder]
    assert recorded.state() == pb.Artifact.DELETED
    assert set_aside_incomplete(recorded.settings) == []


def test_examples_that_cannot_be_read_are_set_aside_and_their_files_named(recorded: Recorded) -> None:
    shard = recorded.folder / "Split-eval" / "data_tfrecord-00001-of-00002.gz"
    shard.write_bytes(shard.read_bytes()[:-20])
    assert set_aside_incomplete(recorded.settings) == []
    assert set_aside_unreadable(recorded.settings, "run-1") == [shard]
    assert recorded.state() == pb.Artifact.DELETED


def test_where_no_run_has_been_nothing_is_made(tmp_path: Path) -> None:
    output = RecordedOutput(tmp_path / "other")
    settings = SimpleNamespace(metadata=output.database, pipeline_root=output.folder / "pipeline")
    output.database.file.unlink()
    assert set_aside_incomplete(settings) == []
    assert not output.database.file.exists()


def test_examples_of_another_output_in_the_same_database_are_left_alone(recorded: Recorded, tmp_path: Path) -> None:
    for path in recorded.folder.rglob("*.gz"):
        path.unlink()
    other = SimpleNamespace(metadata=recorded.output.database, pipeline_root=tmp_path / "elsewhere")
    assert set_aside_incomplete(other) == []
    assert recorded.state() == pb.Artifact.LIVE
