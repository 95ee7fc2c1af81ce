from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from cli import manifest as command
from data_schemas.errors import ConfigurationError, ManifestError
from imaging.layouts import LAYOUTS


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


def test_it_writes_the_manifest_and_says_what_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "images" / name).write_bytes(b"image")
    (tmp_path / "labels.csv").write_text("file,label,patient_id,width\na.png,NORMAL,1,224\nb.png,NORMAL,1,224\n")
    target = tmp_path / "manifest.csv"
    assert run("--layout", "labels-csv", str(tmp_path), "-o", str(target)) == 0
    assert target.read_text() == "file,label,patient_id\nimages/a.png,NORMAL,1\nimages/b.png,NORMAL,1\n"
    assert capsys.readouterr().out == f"{target}: 2 images, 1 patients, columns file, label, patient_id\n"


def test_a_folder_of_another_layout_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        run("--layout", "labels-csv", str(tmp_path), "-o", str(tmp_path / "manifest.csv"))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("layout", ["labels-csv", "other"])
def test_the_command_offers_the_layouts_that_there_are(tmp_path: Path, layout: str) -> None:
    words = ["--layout", layout, str(tmp_path), "-o", str(tmp_path / "manifest.csv")]
    with pytest.raises(ManifestError if layout in LAYOUTS else SystemExit):
        run(*words)


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(ConfigurationError, match="is there already"):
        run("--layout", "labels-csv", str(tmp_path), "-o", str(tmp_path / "labels.csv"))
    assert (tmp_path / "labels.csv").read_text() == "file,label\n"
