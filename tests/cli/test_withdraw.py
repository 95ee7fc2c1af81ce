"""`radflow withdraw`, also of what no record speaks: served versions, cut-off steps, removals that did not end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.cached_images import HASHES_FILE
from cli.main import main
from pipeline.artifact_root import ArtifactRoot
from tests.recorded_output import WITHDRAWN, RecordedOutput

STRANGER = "ef" * 16


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output with a version whose run is not recorded, and the report that the run left."""
    made = RecordedOutput(tmp_path / "output")
    (made.folder / "private").mkdir()
    version = made.pushed("chest", 1, "a graph")
    said = {"pseudonym_key_id": "key 1", "patients": [WITHDRAWN, "cd" * 16]}
    (version / "assets.extra" / "training_patients.json").write_text(json.dumps(said))
    report = made.folder / "reports" / "0a1b2c3d-run-of-a-cluster"
    report.mkdir(parents=True)
    (report / "model_report.html").write_text("pictures")
    (report / "report.json").write_text("{}")
    return made.folder


def test_a_served_model_of_no_recorded_run_is_named_and_pictures_go(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["withdraw", WITHDRAWN, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "in the data of former runs" in said
    assert "1 model was trained on the patient." in said and f"{output}/serving/chest/1 (served; by its own" in said
    assert [path.name for path in (output / "reports").rglob("*.*")] == ["report.json"]


def test_runs_that_are_not_recorded_are_said_not_to_be_looked_at(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["withdraw", STRANGER, "--output", str(output)]) == 1
    said = capsys.readouterr()
    assert "No model that is recorded or served here was trained on the patient." in said.out
    assert "Not looked at" in said.out and said.out.rstrip().endswith("  0a1b2c3d-run-of-a-cluster")
    assert "in no run that is recorded here" in said.err
    # Nobody knows whom its pictures show.
    assert "Removed: 1 pages" in said.out and not list(output.rglob("model_report.html"))


def test_of_recorded_runs_nothing_is_left_out(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = RecordedOutput(output)
    made.run("2026-01-02T03-04-05", version=2)
    (output / "reports" / "0a1b2c3d-run-of-a-cluster").rename(
        output / "reports" / made.database.run_id("2026-01-02T03-04-05")
    )
    assert main(["withdraw", WITHDRAWN, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "Not looked at" not in said and "2 models were trained on the patient." in said
    assert "serving/chest/2; the patient is in train" in said and "serving/chest/1 (served; by its own" in said


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """An output of one run that pushed, with a page and a stopped training."""
    made = RecordedOutput(tmp_path / "recorded")
    made.run("run-1", version=1)
    (made.folder / "private").mkdir()
    for name in ("reports/run-1/model_report.html", "unfinished/chest/weights.npz"):
        (made.folder / name).parent.mkdir(parents=True)
        (made.folder / name).write_text("an image")
    return made.folder


def left(output: Path) -> set[str]:
    """Returns what still holds images, or may."""
    kinds = {".html", ".npz", ".npy", ".gz", ".parquet"}
    return {str(path.relative_to(output)) for path in output.rglob("*") if path.suffix in kinds}


@pytest.mark.parametrize("fails", ["model_report.html", "unfinished", "images-00000-of-00001.parquet", "examples"])
def test_a_removal_that_was_stopped_is_finished_by_the_next_one(
    recorded: Path, fails: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    really, rmtree = ArtifactRoot.remove, shutil.rmtree

    def remove(root: ArtifactRoot, path: Path) -> None:
        if fails in path.parts:
            raise OSError(5, "Input/output error", str(path))
        really(root, path)

    def remove_tree(path: Path, **how: Any) -> None:
        if fails in Path(path).parts:
            raise OSError(5, "Input/output error", str(path))
        rmtree(path, **how)

    with monkeypatch.context() as patch:
        patch.setattr(ArtifactRoot, "remove", remove)
        patch.setattr(shutil, "rmtree", remove_tree)
        assert main(["withdraw", WITHDRAWN, "--output", str(recorded)]) == 1
    assert "cannot be removed (Input/output error)" in capsys.readouterr().err and left(recorded)
    assert main(["withdraw", WITHDRAWN, "--output", str(recorded)]) == 0
    assert not left(recorded)


def test_hashes_are_those_of_the_whole_index_also_where_a_part_of_it_has_gone(recorded: Path) -> None:
    (report,) = (path.parent for path in recorded.rglob("ingest.json"))
    (report / HASHES_FILE).write_text("of the whole")
    assert main(["withdraw", WITHDRAWN, "--output", str(recorded)]) == 0
    assert (report / HASHES_FILE).read_text() == "of the whole"


def test_what_cut_off_steps_and_fetches_left_goes_whoever_is_in_it(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leftovers = (
        "DicomExampleGen/examples/90/Split-train/a.gz",
        "DicomExampleGen/ingest_report/90/images-00000-of-00009.parquet",
        "Trainer/model_run/95/tmpab12/train.npy",
        ".fetching-x1/artifact/Split-train/a.gz",
    )
    for name in leftovers:
        (recorded / "pipeline" / name).parent.mkdir(parents=True)
        (recorded / "pipeline" / name).write_text("an image")
    assert main(["withdraw", STRANGER, "--output", str(recorded)]) == 1
    capsys.readouterr()
    assert not [name for name in leftovers if (recorded / "pipeline" / name).exists()]
    assert any(name.endswith("data.gz") for name in left(recorded)), "a stranger is in no record"
