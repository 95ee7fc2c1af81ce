from __future__ import annotations

import csv
import json
from pathlib import Path

import pydicom
import pytest

from cli.main import main
from imaging.synthetic import write_sample


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    write_sample(folder, studies=3)
    (folder / "dicom" / "notes.txt").write_text("Jane Doe")
    return folder / "dicom"


def _run(*words: object) -> int:
    return main(["deidentify", *map(str, words)])


def test_a_folder_is_deidentified_with_a_log_and_a_private_mapping(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, key, mapping = tmp_path / "out", tmp_path / "key", tmp_path / "map.csv"
    assert _run(studies, out, "--key-file", key, "--mapping", mapping) == 1  # the notes were left out
    said = capsys.readouterr()
    assert "3 images written" in said.out and "notes.txt" in said.err
    log = json.loads((out / "deidentification.json").read_text())
    assert [one["code"] for one in log["method"]] == ["113100", "113107", "113108"]
    assert {"attribute": "PatientName", "action": "empty", "count": 3} in log["actions"]
    assert "SYNTHETIC" not in json.dumps(log) and str(studies) not in json.dumps(log)
    with mapping.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 and all(Path(row["file"]).is_file() for row in rows)
    assert [path.stat().st_mode & 0o077 for path in (key, mapping)] == [0, 0]


def test_the_same_key_gives_the_same_names(studies: Path, tmp_path: Path) -> None:
    one, other, third = (tmp_path / name for name in ("one", "other", "third"))
    for out, key in ((one, "key"), (other, "key"), (third, "another")):
        _run(studies, out, "--key-file", tmp_path / key, "--profile", "basic")
    names = [sorted(str(path.relative_to(out)) for path in out.rglob("*.dcm")) for out in (one, other, third)]
    assert names[0] == names[1] and not set(names[0]) & set(names[2])
    assert "PatientAge" not in pydicom.dcmread(next(one.rglob("*.dcm")))


def test_what_would_lose_or_give_away_something_is_refused(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, key = tmp_path / "out", tmp_path / "key"
    assert _run(tmp_path / "gone", out, "--key-file", key) == 2
    assert _run(studies, studies / "out", "--key-file", key) == 2
    assert _run(studies, out, "--key-file", out / "key") == 2
    assert "keep the key elsewhere" in capsys.readouterr().err
    assert not out.exists()
    _run(studies, out, "--key-file", key)
    assert _run(studies, out, "--key-file", key) == 2
    assert "name another folder" in capsys.readouterr().err


def test_labels_are_carried_over_without_what_names_anybody(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in studies.glob("*.dcm"))
    manifest = tmp_path / "manifest.csv"
    lines = [f"{studies / name},normal,Jane Doe,9{number},{number % 2},P{number}" for number, name in enumerate(names)]
    manifest.write_text("\n".join(["file,label,nurse,age,effusion,patient_id", *lines, "gone.dcm,normal,x,1,0,P"]))
    out = tmp_path / "out"
    _run(studies, out, "--key-file", tmp_path / "key", "--manifest", manifest)
    assert "3 of the manifest's rows, without the columns nurse, patient_id" in capsys.readouterr().out
    with (out / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [["file", "label", "age", "effusion"]] * 3
    assert all((out / row["file"]).is_file() and row["age"] == "90" for row in rows)
    assert [row["effusion"] for row in rows] == ["0", "1", "0"]
