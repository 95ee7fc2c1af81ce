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
    assert _run(studies, out, "--key-file", key, "--mapping", mapping) == 0
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
    assert "keep it elsewhere" in capsys.readouterr().err
    assert not out.exists()
    _run(studies, out, "--key-file", key)
    assert _run(studies, out, "--key-file", key) == 2
    assert "not an empty folder" in capsys.readouterr().err


def test_labels_are_carried_over_without_what_names_anybody(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in studies.glob("*.dcm"))
    manifest = tmp_path / "manifest.csv"
    header = "file,label,nurse,age,effusion,patient_id,view,sex"
    lines = [f"{studies / name},normal,Jane Doe,9{row},{row % 2},1,Bob,F" for row, name in enumerate(names)]
    manifest.write_text("\n".join([header, *lines, "gone.dcm,normal,x,1,0,P,PA,M"]))
    out = tmp_path / "out"
    assert _run(studies, out, "--key-file", tmp_path / "key", "--manifest", manifest) == 0
    assert "3 of the manifest's 4 rows, without the columns nurse" in capsys.readouterr().out
    with (out / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [["file", "label", "age", "effusion", "patient_id", "view", "sex"]] * 3
    assert all((out / row["file"]).is_file() and row["age"] == "90" for row in rows)
    assert [row["effusion"] for row in rows] == ["0", "1", "0"]
    assert {(row["view"], row["sex"]) for row in rows} == {("", "F")}
    (patient,) = {row["patient_id"] for row in rows}  # one patient in the manifest stays one
    assert len(patient) == 16 and patient != "1"


def test_every_path_is_checked_before_any_work(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, out, other = tmp_path / "key", tmp_path / "out", tmp_path / "other.csv"
    other.write_text("file\nelsewhere.dcm\n")
    wrong = [
        ("--mapping", tmp_path / "no" / "map.csv"),
        ("--mapping", out / "map.csv"),
        ("--mapping", key),
        ("--manifest", tmp_path / "gone.csv"),
        ("--manifest", other),
        ("--manifest", next(studies.glob("*.dcm"))),
    ]
    for option in wrong:
        assert _run(studies, out, "--key-file", key, *option) == 2, option
        assert not out.exists()
    assert "unexpected" not in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert _run(studies, tmp_path / "file", "--key-file", key) == 2
    precious = tmp_path / "mine"
    precious.mkdir()
    (precious / "manifest.csv").write_text("precious")
    assert _run(studies, precious, "--key-file", key) == 2
    assert (precious / "manifest.csv").read_text() == "precious"
