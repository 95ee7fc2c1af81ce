"""Commands that read an output whose artifacts are on an object store alone: what they remove is gone there too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.cached_images import HASHES_FILE
from cli.main import main
from imaging.pseudonyms import Pseudonyms
from local_runner import prepare
from pipeline.artifact_root import ArtifactRoot, artifact_root, choose_artifact_root
from pipeline.settings import pseudonym_key
from tests.object_store import objects
from tests.recorded_output import WITHDRAWN, RecordedOutput


@pytest.fixture
def output(bucket: str, tmp_path: Path) -> Path:
    """A run that pushed and one before it that was refused; every artifact is on the object store, and none here."""
    (tmp_path / "output" / "private").mkdir(parents=True)
    Pseudonyms.load_or_create(pseudonym_key(tmp_path / "output"))
    root = choose_artifact_root(tmp_path / "output", bucket, {}, recorded=False)
    made = RecordedOutput(tmp_path / "output")
    made.run("run-1", blessed=False)
    made.run("run-2", version=1)
    root.keep(root.folder)
    shutil.rmtree(root.folder)
    return made.folder


def there(output: Path) -> dict[str, bytes]:
    return objects(artifact_root(output).url)


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict:
    assert main([str(word) for word in words]) == 0
    return json.loads(capsys.readouterr().out)


def test_lineage_says_where_artifacts_are_and_fetches_no_records(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, "lineage", "1", "--output", output, "--json")
    assert all(one["there"] for one in said["artifacts"])
    assert all(one["uri"].startswith(artifact_root(output).url) for one in said["artifacts"])
    assert said["data"]["records_there"] is True and said["data"]["data_digest"]
    assert not (output / "pipeline" / "DicomExampleGen" / "examples").exists()


def test_runs_fetches_evaluations_that_no_report_has_unless_they_were_removed(
    output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = artifact_root(output)
    kept = there(output)
    evaluation = next(json.loads(kept[name]) for name in kept if name.endswith("evaluation/11/metrics.json"))
    report = output / "reports" / "run-2" / "report.json"
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps({"evaluation": evaluation}))
    assert main(["runs", "--output", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert all("nodule 0.9" in line for line in lines) and len(lines) == 2
    evaluations = root.folder / "Evaluator" / "evaluation"
    assert [path.name for path in evaluations.iterdir()] == ["4"]
    told(capsys, "gc", "--output", output, "--json", "--remove")
    monkeypatch.setattr(ArtifactRoot, "_opened", lambda *_: pytest.fail("the object store was asked"))
    assert main(["runs", "--output", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[0].split()[-2:] == ["-", "-"] and "nodule 0.9" in lines[1]


def test_gc_counts_and_removes_what_is_there_alone(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = there(output)
    found = told(capsys, "gc", "--output", output, "--json", "--remove")
    after = there(output)
    assert found["bytes"] == sum(len(data) for name, data in before.items() if name not in after) > 1000
    assert {name.split("/")[2] for name in set(before) - set(after)} == {"1", "3", "4", "7"}  # the others are empty
    assert all(one["there"] for one in told(capsys, "lineage", "1", "--output", output, "--json")["artifacts"])


def test_a_withdrawn_patients_images_go_there_too(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert any(name.endswith(".parquet") for name in there(output))
    assert main(["withdraw", WITHDRAWN, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "in the data of former runs" in said and "trained on the patient" in said
    left = there(output)
    assert not any(name.endswith((".parquet", "data.gz", ".html")) for name in left)
    hashes = [json.loads(data) for name, data in left.items() if name.endswith(HASHES_FILE)]
    assert len(hashes) == 2 and WITHDRAWN not in json.dumps(hashes)
    assert not told(capsys, "lineage", "1", "--output", output, "--json")["data"]["records_there"]


def test_an_object_store_that_is_away_is_said_and_nothing_is_removed(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = artifact_root(output).url
    (output / "artifacts.json").write_text(json.dumps({"url": "s3://no-such-bucket/x"}))
    assert main(["gc", "--output", str(output), "--remove"]) == 1
    assert "s3://no-such-bucket/x cannot be read" in capsys.readouterr().err
    assert objects(url)


def test_a_former_search_is_found_there(output: Path) -> None:
    root = artifact_root(output)
    found = {
        "tuner_results/9/trials.json": {"task": "synthetic_chest"},
        "best_hyperparameters/9/best_hyperparameters.txt": {"values": {"learning_rate": 0.0123}},
    }
    for place, content in found.items():
        file = root.folder / "Tuner" / place
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    root.keep(root.folder / "Tuner")
    shutil.rmtree(root.folder)
    for name in ("a", "b"):
        (output.parent / f"{name}.png").write_bytes(name.encode())
    manifest = output.parent / "manifest.csv"
    manifest.write_text("file,label,patient_id\na.png,normal,1\nb.png,nodule,2\n")
    settings = prepare("synthetic_chest", manifest, output=output.parent / "other", hyperparameters=output)
    assert settings.hyperparameters is not None
    assert "0.0123" in (settings.hyperparameters / "best_hyperparameters.txt").read_text()
