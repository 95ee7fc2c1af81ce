from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from cli import manifest as command
from data_schemas.errors import ConfigurationError, ManifestError
from imaging.layouts.table import LAYOUTS, options_of


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "images" / name).write_bytes(b"image")
    (tmp_path / "labels.csv").write_text("file,label,patient_id,width\na.png,NORMAL,1,224\nb.png,NORMAL,1,224\n")
    return tmp_path


def test_it_writes_the_manifest_and_says_what_is_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = folder / "manifest.csv"
    assert run("--layout", "labels-csv", folder, "-o", target) == 0
    assert target.read_text() == "file,label,patient_id\nimages/a.png,NORMAL,1\nimages/b.png,NORMAL,1\n"
    assert capsys.readouterr().out == f"{target}: 2 images, 1 patients, columns file, label, patient_id\n"


def test_what_was_left_out_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "images" / "b.png").unlink()
    with pytest.raises(ManifestError, match="1 of 2 images"):
        run("--layout", "labels-csv", folder, "-o", folder / "manifest.csv")
    assert run("--layout", "labels-csv", folder, "-o", folder / "manifest.csv", "--allow-missing") == 0
    assert capsys.readouterr().out.startswith("note: 1 of 2 images are not there and are left out\n")


def test_a_folder_of_another_layout_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        run("--layout", "labels-csv", tmp_path, "-o", tmp_path / "manifest.csv")
    assert caught.value.exit_code == 2


def test_the_layouts_are_listed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--layouts") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(LAYOUTS)
    assert all(len(line) < 130 for line in lines)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_described_with_its_options(layout: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--about", layout) == 0
    text = capsys.readouterr().out
    assert "Licence:" in text and "Trap:" in text
    assert all(f"--{name.replace('_', '-')}" in text.split("Options:")[1] for name in options_of(layout))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "it needs --layout NAME SOURCE -o FILE"),
        (["--layout", "kermany", "."], "it needs --layout"),
        (["--about", "other"], "there is no layout 'other'; there are kermany"),
        (["--layout", "other", ".", "-o", "m.csv"], "there is no layout 'other'"),
        (["--layout", "csv", ".", "-o", "m.csv", "--column", "patient_id"], "--column wants"),
        (["--layout", "csv", ".", "-o", "m.csv", "--where", "=x"], "--where wants"),
        (["--layout", "csv", ".", "-o", "m.csv", "--readers", "any"], "does not know --readers"),
        (["--layout", "csv", ".", "-o", "m.csv", "--write-images", "x"], "does not know --write-images"),
    ],
)
def test_wrong_usage_is_said(words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        run(*words)


def test_every_option_of_a_layout_is_one_of_the_command() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    offered = set(vars(parser.parse_args([])))
    assert {name for layout in LAYOUTS for name in options_of(layout)} <= offered


def test_columns_are_renamed_and_rows_kept_by_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = folder / "table.csv"
    table.write_text("name;who;sex\na;1;F\nb;2;M\n")
    words = ["--column", "file=name", "--column", "patient_id=who", "--images", folder / "images", "--suffix", ".png"]
    assert run("--layout", "csv", table, "-o", folder / "m.csv", *words, "--where", "sex=F,O") == 0
    assert (folder / "m.csv").read_text() == "file,patient_id,sex\nimages/a.png,1,F\n"
    assert "note: 1 images are left out by --where" in capsys.readouterr().out


def test_images_of_an_array_are_written_beside_the_manifest(tmp_path: Path) -> None:
    parts = {f"{split}_images": np.zeros((1, 4, 4), np.uint8) for split in ("train", "val", "test")}
    labels = {f"{split}_labels": np.zeros((1, 1), np.uint8) for split in ("train", "val", "test")}
    np.savez(tmp_path / "pneumoniamnist.npz", **parts, **labels)
    assert run("--layout", "medmnist", tmp_path, "-o", tmp_path / "m.csv", "--official-split") == 0
    assert (tmp_path / "m.csv").read_text().splitlines()[1] == (
        "m_images/train_000000.png,pneumoniamnist-train-0,train,normal"
    )


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(ConfigurationError, match="is there already"):
        run("--layout", "labels-csv", tmp_path, "-o", tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_text() == "file,label\n"
