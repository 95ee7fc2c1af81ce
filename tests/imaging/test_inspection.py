from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from imaging import inspection
from imaging.inspection import FIELDS, inspect_file, inspect_header

ZOO = Path(__file__).parents[2] / ".." / "shared" / "data" / "dicom-zoo"
STATUSES = {
    "decodable": {"ok"},
    "decodable-12bit-jpeg": {"ok"},
    "decodable-pydicom3-only": {"ok"},
    "force-only": {"ok"},
    "headless": {"ok", "corrupt"},
    "no-pixels": {"no_pixels"},
    "not-dicom": {"not_dicom"},
    "undecodable-in-stack": {"unsupported", "corrupt", "ok"},
    "broken": {"no_pixels", "unsupported", "corrupt", "not_dicom"},
}
"""What a good reader reports, from the zoo's README."""
LOSSY = ("4.50", "4.51", "4.53", "4.55", "4.81", "4.91", "4.203")


def zoo() -> list[dict[str, str]]:
    if not ZOO.is_dir():
        return []
    with (ZOO / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["half"] == "dev"]


@pytest.mark.skipif(not ZOO.is_dir(), reason="the DICOM zoo is not beside the project, in ../shared/data")
@pytest.mark.parametrize("row", zoo(), ids=lambda row: row["file"])
def test_every_file_of_the_zoo_meets_its_expectation(row: dict[str, str]) -> None:
    answer = inspect_file(ZOO / row["file"])
    assert answer["status"] in STATUSES[row["expectation"]], answer["reason"]
    assert (answer["reason"] is None) == (answer["status"] == "ok")
    if answer["status"] != "ok" or not row["array_shape"]:
        return
    shape = [int(side) for side in row["array_shape"].strip("(),").split(",")]
    assert [answer["frames"], answer["rows"], answer["columns"]] == (
        shape if shape[0] == answer["frames"] > 1 else [1, *shape]
    )[:3]
    assert answer["raw_dtype"] == np.dtype(row["array_dtype"]).newbyteorder("=").name
    tolerance = 2 if row["transfer_syntax_uid"].endswith(LOSSY) else 0
    assert answer["raw_min"] == pytest.approx(float(row["array_min"]), abs=tolerance)
    assert answer["raw_max"] == pytest.approx(float(row["array_max"]), abs=tolerance)


def test_a_sound_file_gives_every_field(tmp_path: Path, dicom: Callable[..., bytes]) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(np.array([[-5, 7, 1]], np.int16)))
    answer = inspect_file(path)
    assert tuple(answer) == FIELDS
    assert answer == {
        "file": str(path),
        "status": "ok",
        "modality": "DX",
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "photometric": "MONOCHROME2",
        "rows": 1,
        "columns": 3,
        "frames": 1,
        "raw_dtype": "int16",
        "raw_min": -5,
        "raw_max": 7,
        "reason": None,
    }


def test_a_png_is_inspected_too(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.array([[3, 60_000]], np.uint16))
    answer = inspect_file(path)
    assert [answer[name] for name in ("status", "modality", "rows", "columns", "raw_dtype", "raw_min", "raw_max")] == [
        "ok",
        None,
        1,
        2,
        "uint16",
        3,
        60_000,
    ]


def test_an_answer_holds_nothing_of_the_patient(tmp_path: Path, dicom: Callable[..., bytes]) -> None:
    path = tmp_path / "a.dcm"
    for data in (dicom(np.zeros((2, 2), np.uint8)), dicom(None), dicom(np.zeros((2, 2), np.uint8))[:-2]):
        path.write_bytes(data)
        assert "PATIENT" not in str(inspect_file(path)).upper()


def test_more_frames_than_minutes_allow_are_not_decoded(
    tmp_path: Path, dicom: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "MAX_INSPECTED_SAMPLES", 7)
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(np.zeros((2, 2), np.uint8), NumberOfFrames=2, PixelData=bytes(8)))
    assert inspect_file(path)["status"] == "unsupported"


def test_a_missing_file_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect_file(tmp_path / "a.dcm")


def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dcm")
    answer = inspect_file(tmp_path / "pipe.dcm")
    assert answer["status"] == "not_dicom"
    assert "no regular file" in answer["reason"]


@pytest.mark.skipif(not ZOO.is_dir(), reason="the DICOM zoo is not beside the project, in ../shared/data")
def test_headers_alone_say_the_same_of_every_image_but_its_pixels() -> None:
    told = ("modality", "transfer_syntax", "photometric", "rows", "columns")
    for row in zoo():
        whole, header = inspect_file(ZOO / row["file"]), inspect_header(ZOO / row["file"])
        assert list(header) == list(FIELDS)
        if whole["status"] == "ok":
            assert header["status"] == "ok", row["file"]
            assert [header[name] for name in told] == [whole[name] for name in told], row["file"]


def test_headers_are_read_without_the_pixels(tmp_path: Path, dicom: Callable[..., bytes]) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(np.zeros((40, 30), np.uint16))[:-2000])  # the pixels are cut off
    assert inspect_file(path)["status"] == "corrupt"
    header = inspect_header(path)
    assert (header["status"], header["rows"], header["columns"], header["raw_min"]) == ("ok", 40, 30, None)


def test_headers_alone_tell_what_has_no_pixels_and_what_is_not_read(
    tmp_path: Path, dicom: Callable[..., bytes]
) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(None))
    assert inspect_header(path)["status"] == "no_pixels"
    path.write_bytes(dicom(np.zeros((4, 4), np.uint8), syntax="1.2.840.10008.1.2.4.100", frames=[b"mpeg"]))
    assert inspect_header(path)["status"] == "unsupported"
    path.write_bytes(b"text")
    assert inspect_header(path)["status"] == "not_dicom"
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 300)
    assert inspect_header(path)["status"] in ("corrupt", "no_pixels")
