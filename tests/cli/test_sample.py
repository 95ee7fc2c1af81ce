"""`radflow sample`: what it writes, says and refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cli.main import main


def test_sample_writes_the_studies_and_names_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sample"
    assert main(["sample", str(folder), "--studies", "4", "--seed", "3"]) == 0
    with (folder / "manifest.csv").open(encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    assert [(folder / row["file"]).is_file() for row in rows] == [True] * 4
    out = capsys.readouterr().out
    counts = {label: sum(row["label"] == label for row in rows) for label in ("normal", "nodule", "cavity")}
    assert "4 synthetic DICOM files" in out
    assert all(f"{count} {label}" in out for label, count in counts.items())
    assert f"radflow run --task synthetic_chest --manifest {folder / 'manifest.csv'}" in out


def test_a_folder_with_a_manifest_is_refused_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "manifest.csv").write_text("file,label\n", encoding="utf-8")
    assert main(["sample", str(tmp_path), "--studies", "1"]) == 2
    assert "there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"]


@pytest.mark.parametrize("words", [["--studies", "0"], ["--seed", "-1"]])
def test_impossible_numbers_are_refused(tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(tmp_path / "sample"), *words]) == 2
    assert "at least 1 study" in capsys.readouterr().err
    assert not (tmp_path / "sample").exists()
