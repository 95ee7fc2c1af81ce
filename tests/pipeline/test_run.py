"""The main job end to end, in processes of its own, on a small sample."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest

from components.stress_test.results import read_stress
from data_schemas.task_file import load_task
from imaging.content_hash import content_hash
from imaging.manifest import read_manifest
from imaging.pseudonyms import Pseudonyms
from serving.child_server import child_server
from tests.pipeline.conftest import Run, radflow, write_task

pytestmark = pytest.mark.pipeline


def test_a_run_ends_in_a_served_model_and_says_so_in_json(first_run: Run) -> None:
    result = first_run.finished.json
    assert result["pushed"] == str(first_run.served / "1")
    assert (first_run.served / "1" / "saved_model.pb").is_file()
    assert result["blessed"] is True
    assert [gate["name"] for gate in result["gates"]] == ["nodule AUROC", "champion"]
    assert all(gate["passed"] for gate in result["gates"])
    assert result["gates"][1]["verdict"] == "not_compared"
    assert 0 <= result["metrics"]["overall"]["findings"]["nodule"]["auroc"]["value"] <= 1


def test_broken_files_are_counted_with_reasons_and_the_run_goes_on(first_run: Run) -> None:
    result = first_run.finished.json
    with first_run.manifest.open(newline="") as file:
        rows = len(list(csv.DictReader(file)))
    assert (result["examples"], result["rejected"]) == (rows - 3, 3)
    report = json.loads(next(first_run.output.glob("pipeline/DicomExampleGen/ingest_report/*/ingest.json")).read_text())
    assert sorted(reject["status"] for reject in report["rejects"]) == ["corrupt", "no_pixels", "not_dicom"]
    assert [reject["row"] for reject in report["rejects"]] == [rows - 2, rows - 1, rows]


def test_patients_never_straddle_splits(first_run: Run) -> None:
    report = json.loads(next(first_run.output.glob("pipeline/DicomExampleGen/ingest_report/*/ingest.json")).read_text())
    patients = [patient for split in report["patients"].values() for patient in split]
    assert len(patients) == len(set(patients)) == first_run.finished.json["patients"]


def test_the_terminal_shows_every_stage_and_no_library_noise(first_run: Run) -> None:
    shown = first_run.finished.err
    stages = "DicomExampleGen DataCheck Transform Trainer Evaluator ServingCanary Pusher StressTest ModelReport"
    for stage in stages.split():
        assert stage in shown
    assert "[13/13]" in shown and "14/13" not in shown
    assert "epoch 2 of 2" in shown
    for noise in ("WARNING", "Warning", "I tensorflow", "E external", "Traceback"):
        assert noise not in shown


def test_the_stress_test_scored_every_test_image_and_had_the_networks_features(first_run: Run) -> None:
    found = read_stress(next(first_run.output.glob("pipeline/StressTest/stress/*")))
    assert found.images == found.test_images == first_run.finished.json["metrics"]["overall"]["examples"]
    assert max(row.findings["nodule"].score_change for row in found.rows) > 0
    assert not any("signature" in probe.note for probe in found.probes)


def test_the_report_says_what_was_found_and_is_found_again(first_run: Run) -> None:
    run = min(path.name for path in (first_run.output / "reports").iterdir())
    found = radflow("report", run, "--output", first_run.output, "--json")
    assert found.code == 0, found.err
    page = Path(found.json["report"])
    assert found.json["blessed"] is True and page.is_file()
    numbers = json.loads((page.parent / "report.json").read_text())
    assert numbers["evaluation"]["overall"] == first_run.finished.json["metrics"]["overall"]
    assert numbers["data"]["ingest"]["rows"] == first_run.finished.json["examples"] + 3
    assert numbers["scope"]["of"] == numbers["data"]["ingest"]["examples"]["test"]
    assert numbers["explanations"]["gallery"]["cases"] and numbers["stress"]["rows"]
    assert {one["name"] for one in numbers["lineage"]["artifacts"]} >= {"model", "examples", "evaluation", "blessing"}
    assert "ot available in this run" not in page.read_text()


def test_no_identity_reaches_anything_that_a_run_writes(first_run: Run) -> None:
    """The sample's headers carry names of the form SYNTHETIC^..., and every path a folder of this test."""
    for path in first_run.output.rglob("*"):
        if path.is_file() and "private" not in path.parts:
            assert b"SYNTHETIC^" not in path.read_bytes(), path


def test_the_score_over_grpc_is_the_pipelines_for_every_transfer_syntax(first_run: Run, tmp_path: Path) -> None:
    expected, files = _eval_scores(first_run)
    with child_server(first_run.served, name="synthetic_chest") as address:
        answer = radflow(
            "predict", "--server", address, "--model-name", "synthetic_chest", *files.values(), cwd=tmp_path
        )
    assert answer.code == 0, answer.err
    scores = [json.loads(line)["scores"] for line in answer.out.splitlines()]
    for (syntax, file), served in zip(files.items(), scores, strict=True):
        assert list(served.values()) == pytest.approx(expected[file], abs=1e-5), syntax
    assert len(files) >= 4


def _eval_scores(run: Run) -> tuple[dict[Path, list[float]], dict[str, Path]]:
    """Returns the Trainer's scores by file, and one eval file for each transfer syntax of the sample."""
    import pydicom

    recorded = json.loads(next(run.output.glob("pipeline/Trainer/model_run/*/eval_scores.json")).read_text())
    by_id = dict(zip(recorded["example_ids"], recorded["scores"], strict=True))
    pseudonyms = Pseudonyms.load_or_create(run.output / "private" / "pseudonym.key")
    scores, files, syntaxes = {}, {}, set()
    for row in read_manifest(run.manifest, load_task(str(run.task))).rows[:-3]:
        name = pseudonyms.pseudonym("image", content_hash(row.file.read_bytes()))
        syntax = str(pydicom.dcmread(row.file, stop_before_pixels=True).file_meta.TransferSyntaxUID)
        syntaxes.add(syntax)
        if name in by_id:
            scores[row.file], files[syntax] = by_id[name], row.file
    assert set(files) == syntaxes, "the eval split lacks a transfer syntax of the sample"
    return scores, files


def test_the_same_run_again_is_answered_from_the_cache_and_pushes_nothing(first_run: Run) -> None:
    again = radflow(
        "run", "--task", first_run.task, "--manifest", first_run.manifest, "--output", first_run.output, "--json"
    )
    assert again.code == 0, again.err
    for stage in ("DicomExampleGen", "Transform", "Trainer"):
        line = next(line for line in again.err.splitlines() if stage in line and " s" in line)
        assert "unchanged" in line
    assert again.json["pushed"] == first_run.finished.json["pushed"]
    assert [path.name for path in first_run.served.iterdir()] == ["1"]


def test_refused_data_exits_4_and_its_report_survives(first_run: Run, tmp_path: Path) -> None:
    reports, served = set(first_run.output.glob("reports/*/data_check.html")), set(first_run.served.iterdir())
    task = write_task(tmp_path / "task.yaml", data_policy={"max_rejected_share": 0.001})
    refused = radflow("run", "--task", task, "--manifest", first_run.manifest, "--output", first_run.output)
    assert refused.code == 4, refused.err
    assert "rejected images" in refused.err and "to mend it" in refused.err
    (report,) = set(first_run.output.glob("reports/*/data_check.html")) - reports
    assert "Refused" in report.read_text()
    assert set(first_run.served.iterdir()) == served


def test_a_manifest_in_error_stops_before_any_work_with_every_problem(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,label\nmissing.dcm,normal\nmissing2.dcm,healthy\n")
    start = time.monotonic()
    refused = radflow(
        "run", "--task", "synthetic_chest", "--manifest", tmp_path / "manifest.csv", "--output", tmp_path / "output"
    )
    assert refused.code == 2
    assert "rows 1, 2: `file` does not exist" in refused.err and "'healthy'" in refused.err
    assert "Traceback" not in refused.err
    assert time.monotonic() - start < 20
    assert not (tmp_path / "output" / "pipeline").exists()
