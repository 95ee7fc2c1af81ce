"""`radflow gc`: says before it removes, tells the metadata store, and spares no image of a patient who withdrew."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from cli.cached_images import HASHES_FILE
from cli.main import main
from imaging.withdrawals import add_withdrawn
from pipeline.settings import withdrawals
from tests.recorded_output import WITHDRAWN, RecordedOutput


@pytest.fixture
def output(tmp_path: Path) -> RecordedOutput:
    """A run that pushed, and before it one that was refused."""
    made = RecordedOutput(tmp_path / "output")
    made.run("run-1", blessed=False)
    made.run("run-2", version=1)
    return made


def collected(output: RecordedOutput, capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main(["gc", "--output", str(output.folder), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def files(output: RecordedOutput) -> set[Path]:
    return {path for path in (output.folder / "pipeline").rglob("*") if path.is_file()}


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_nothing_is_removed_unless_it_is_asked_for(
    output: RecordedOutput, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(output)
    found = collected(output, capsys, *words)
    assert found["removed"] is False and found["bytes"] > 1000 and files(output) == before
    assert main(["gc", "--output", str(output.folder), *words]) == 0
    text = capsys.readouterr().out
    assert "needed by no pushed model" in text and "would be removed by --remove" in text


def test_what_goes_is_gone_and_counted_and_the_rest_stays(
    output: RecordedOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_size for path in files(output)}
    found = collected(output, capsys, "--remove")
    after = files(output)
    assert found["bytes"] == sum(size for path, size in before.items() if path not in after) > 0
    assert found["kept"]["bytes"] == sum(size for path, size in before.items() if path in after)
    assert all(not Path(one["path"]).exists() for one in found["garbage"])
    assert main(["lineage", "1", "--output", str(output.folder), "--json"]) == 0
    assert all(one["there"] for one in json.loads(capsys.readouterr().out)["artifacts"])
    assert collected(output, capsys, "--remove")["garbage"] == []


def test_the_store_keeps_its_record_and_knows_that_the_artifact_is_gone(
    output: RecordedOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {one["path"] for one in collected(output, capsys, "--remove")["garbage"]}
    states = {artifact.uri: artifact.state for artifact in output.store.get_artifacts()}
    assert {uri for uri, state in states.items() if state == pb.Artifact.DELETED} == gone
    assert len(states) == 18
    assert main(["runs", "--output", str(output.folder), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_withdrawn_patients_images_go_though_a_model_needs_them_and_their_hashes_stay(
    output: RecordedOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    add_withdrawn_to(output)
    page = output.folder / "reports" / "run-2" / "model_report.html"
    page.parent.mkdir(parents=True)
    page.touch()
    found = collected(output, capsys, "--keep-runs", "2", "--remove")
    assert {one["why"] for one in found["garbage"]} == {"holds a withdrawn patient's images"}
    assert not list((output.folder / "pipeline").rglob("*.parquet")) and not page.exists()
    assert not list((output.folder / "pipeline").rglob("data.gz"))
    kept = [json.loads(path.read_text()) for path in (output.folder / "pipeline").rglob(HASHES_FILE)]
    assert len(kept) == 2
    assert kept[0]["images"][0] == {
        "manifest_row": 1, "frame": 0, "split": "train", "file_hash": "file 1", "pixel_hash": "pixels 1"
    }  # fmt: skip
    assert WITHDRAWN not in json.dumps(kept)
    assert main(["lineage", "1", "--output", str(output.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["records_there"] is False


def test_the_digest_over_the_data_is_told_of_what_stayed(
    output: RecordedOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    add_withdrawn_to(output)
    collected(output, capsys, "--remove")
    for report in (output.folder / "pipeline").rglob("report.json"):
        report.unlink()
    kept = json.loads(next((output.folder / "pipeline").rglob(HASHES_FILE)).read_text())
    assert main(["lineage", "1", "--output", str(output.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["data_digest"] == kept["data_digest"]


def add_withdrawn_to(output: RecordedOutput) -> None:
    withdrawals(output.folder).parent.mkdir()
    add_withdrawn(withdrawals(output.folder), {WITHDRAWN})


def test_while_a_run_is_at_work_nothing_is_removed(output: RecordedOutput, capsys: pytest.CaptureFixture[str]) -> None:
    with (output.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["gc", "--output", str(output.folder), "--remove"]) == 2
    assert "another run is at work" in capsys.readouterr().err


def test_where_nothing_may_go_it_says_so(output: RecordedOutput, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", "--output", str(output.folder), "--keep-runs", "2"]) == 0
    assert capsys.readouterr().out.startswith("Nothing to remove: 18 folders of")


def test_a_version_without_a_record_is_said(output: RecordedOutput, capsys: pytest.CaptureFixture[str]) -> None:
    output.pushed("chest", 2, "from elsewhere")
    assert collected(output, capsys)["versions_without_record"] == ["chest/2"]
    assert main(["gc", "--output", str(output.folder)]) == 0
    assert "does not have chest/2: what it does not record stays" in capsys.readouterr().out
