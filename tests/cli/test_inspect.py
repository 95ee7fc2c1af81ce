from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cli import inspect as command
from cli.main import main
from data_schemas.errors import ConfigurationError

FIELDS = "file,status,modality,transfer_syntax,photometric,rows,columns,frames,raw_dtype,raw_min,raw_max,reason"


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    cv2.imwrite(str(tmp_path / "b" / "film.png"), np.array([[1, 2], [3, 4]], np.uint8))
    (tmp_path / "a.txt").write_text("no image")
    return tmp_path


def test_json_is_one_object_a_line_with_every_field(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", str(folder)) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [",".join(answer) for answer in answers] == [FIELDS] * 2
    assert [(answer["file"], answer["status"]) for answer in answers] == [
        (str(folder / "a.txt"), "not_dicom"),
        (str(folder / "b" / "film.png"), "ok"),
    ]
    assert (answers[1]["raw_min"], answers[1]["raw_max"], answers[1]["raw_dtype"]) == (1, 4, "uint8")


def test_the_table_closes_with_a_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(folder / "b" / "film.png"), str(folder / "a.txt")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["status", "modality", "transfer_syntax", "photometric", "shape", "values", "file"]
    assert "uint8 1..4" in lines[1]
    assert "neither DICOM nor PNG, JPEG or NIfTI" in lines[2]
    assert lines[-1] == "2 files: 1 ok, 1 not_dicom"


def test_an_empty_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 files"


def test_a_path_that_does_not_exist_is_wrong_usage(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="gone") as caught:
        run(str(folder), str(folder / "gone"))
    assert caught.value.exit_code == 2


def test_a_link_to_nowhere_is_reported_and_the_rest_inspected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "dangling").symlink_to(folder / "gone")
    assert run("--json", str(folder)) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "dangling: cannot be read: No such file or directory" in printed.err


def test_the_matrix_of_decoders_has_a_line_for_each_transfer_syntax(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--decoders"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "24 of 24 transfer syntaxes are read"
    assert any(line.startswith("1.2.840.10008.1.2.4.203") and line.endswith("ok") for line in lines)
    assert main(["inspect", "--decoders", "--json"]) == 0
    assert {"transfer_syntax", "name", "decoder", "problem"} == set(json.loads(capsys.readouterr().out.splitlines()[0]))


def test_neither_a_path_nor_decoders_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect"]) == 2
    assert "name a file or a folder" in capsys.readouterr().err
