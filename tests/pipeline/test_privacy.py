"""Nothing that names a patient leaves the private folder; consent and withdrawal keep images out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from tests.pipeline.conftest import Finished, Later, Run, Withdrawal, contents, radflow
from tests.pipeline.marked_sample import MARKER, WITHOUT_CONSENT

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def output(marked_run: Run) -> Path:
    return marked_run.output


@pytest.fixture(scope="module")
def finished(marked_run: Run) -> Finished:
    return marked_run.finished


def _run(first: Run) -> Finished:
    return radflow("run", "--task", first.task, "--manifest", first.manifest, "--output", first.output, "--json")


def test_no_marker_reaches_what_a_run_writes(finished: Finished, output: Path) -> None:
    kinds = set()
    for path, data in contents(output):
        kinds.add(path.suffix)
        assert MARKER.encode() not in data.upper(), path
    assert {".gz", ".parquet", ".sqlite", ".json", ".html", ".log"} <= kinds  # it looked at what there is to look at


def test_the_private_folder_alone_knows_the_paths_and_is_the_owners_alone(finished: Finished, output: Path) -> None:
    private = output / "private"
    assert any(MARKER.encode() in path.read_bytes() for path in private.iterdir())
    assert private.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in private.iterdir())


def test_rows_without_consent_are_left_out_and_counted(finished: Finished, output: Path) -> None:
    assert finished.json["without_consent"] == WITHOUT_CONSENT
    rows = {
        row for path in output.rglob("images-*.parquet") for row in parquet.read_table(path)["manifest_row"].to_pylist()
    }
    assert rows and not rows & set(range(1, WITHOUT_CONSENT + 1))


def test_a_withdrawn_patient_leaves_no_image(withdrawal: Withdrawal, output: Path) -> None:
    said = withdrawal.finished
    assert withdrawal.before and said.code == 0, said.err
    assert not withdrawal.stopped.exists()
    assert "in the data of former runs" in said.out and "1 model was trained on the patient" in said.out
    assert str(output / "serving" / "synthetic_findings" / "1") in said.out
    assert not withdrawal.after and not withdrawal.pages_left
    repeated = radflow("withdraw", withdrawal.patient, "--output", output)
    assert repeated.code == 0 and "withdrawn before" in repeated.out


def test_a_withdrawn_patient_is_in_no_later_run(
    finished: Finished, withdrawal: Withdrawal, later_run: Later, output: Path
) -> None:
    assert later_run.finished.json["withdrawn"] == 1
    assert later_run.finished.json["examples"] == finished.json["examples"] - 1
    assert not any(withdrawal.image in data for _, data in contents(output))


def test_a_patient_id_leads_to_the_same_pseudonym(finished: Finished, output: Path) -> None:
    answer = radflow("withdraw", "--patient-id", f"{MARKER}50", "--issuer", MARKER, "--output", output)
    assert answer.code == 0, answer.err
    assert "in the data of former runs" in answer.out
    stranger = radflow("withdraw", "--patient-id", "nobody", "--output", output)
    assert stranger.code == 1 and "in no run that is recorded here" in stranger.err
    assert "in no run so far" in stranger.out and "no records to remove" in stranger.out


def test_a_lost_key_is_said_before_any_work(finished: Finished, marked_run: Run, output: Path) -> None:
    key = output / "private" / "pseudonym.key"
    away = key.rename(key.with_suffix(".away"))
    lost = _run(marked_run)
    away.rename(key)
    assert lost.code == 2 and "is gone" in lost.err
    assert "Traceback" not in lost.err
