"""Synthetic DICOM files: every encoding gives back the values that were written, also to another reader."""

from __future__ import annotations

import dataclasses
import datetime
import io
import subprocess
from pathlib import Path
from shutil import which

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from data_schemas.image_settings import Intensity
from imaging.decoders import decode_frame
from imaging.dicom_file import read_dataset
from imaging.intensity import canonical_values
from imaging.source import read_source
from imaging.synthetic_dicom import TRANSFER_SYNTAXES, Acquisition, Subject, dicom_bytes, synthetic_uid

SUBJECT = Subject(number=7, seed=1, sex="F", birth_date=datetime.date(1950, 6, 15), institution="SYNTHETIC HOSPITAL")
ACQUISITION = Acquisition(
    number=3, date=datetime.date(2004, 6, 14), view="PA", manufacturer="EXAMPLE", modality="CR",
    syntax=TRANSFER_SYNTAXES[0], bits=12, signed=False, monochrome1=False, slope=1.0, intercept=0.0,
    window_function="", black=0.0, white=1.0, window=(0.0, 1.0),
)  # fmt: skip
RAMP = np.linspace(0, 1, 24 * 40, dtype=np.float32).reshape(24, 40)


def _with(**changes: object) -> Acquisition:
    if changes.get("syntax") == JPEGLSLossless:
        changes["bits"] = 16
    return dataclasses.replace(ACQUISITION, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("monochrome1", [False, True])
@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_every_encoding_keeps_the_stored_values(syntax: str, monochrome1: bool, signed: bool) -> None:
    acquisition = _with(syntax=syntax, monochrome1=monochrome1, signed=signed)
    top = 2**acquisition.bits - 1
    expected = np.rint((1 - RAMP.astype(np.float64) if monochrome1 else RAMP.astype(np.float64)) * top)
    expected -= 2 ** (acquisition.bits - 1) if signed else 0
    decoded = decode_frame(read_dataset(dicom_bytes(RAMP, SUBJECT, acquisition)))
    assert decoded.dtype == (np.int16 if signed else np.uint16)
    # float32 densities may round to the neighbour of what their exact counterparts round to
    assert np.abs(decoded.astype(int) - expected).max() <= 1
    assert {decoded.min(), decoded.max()} == {expected.min(), expected.max()}


@pytest.mark.parametrize("signed", [False, True])
def test_rle_is_read_back_by_pydicom_itself(signed: bool) -> None:
    encoded = pydicom.dcmread(io.BytesIO(dicom_bytes(RAMP, SUBJECT, _with(syntax=RLELossless, signed=signed))))
    plain = pydicom.dcmread(io.BytesIO(dicom_bytes(RAMP, SUBJECT, _with(signed=signed))))
    np.testing.assert_array_equal(encoded.pixel_array, plain.pixel_array)


def test_jpeg_lossless_is_of_selection_value_1_as_its_transfer_syntax_says() -> None:
    data = dicom_bytes(RAMP, SUBJECT, _with(syntax=JPEGLosslessSV1))
    start_of_scan = data.index(b"\xff\xda")
    # ITU-T T.81, B.2.3: marker, length (2), one component (1 + 2), then Ss, which selects the predictor
    assert data[start_of_scan + 7] == 1


@pytest.mark.parametrize(("syntax", "bits"), [(JPEG2000Lossless, 12), (JPEGLosslessSV1, 12), (JPEGLSLossless, 16)])
def test_streams_have_the_precision_that_bits_stored_says(syntax: str, bits: int) -> None:
    from imaging.codestream import read_codestream

    dataset = read_dataset(dicom_bytes(RAMP, SUBJECT, _with(syntax=syntax)))
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    assert (read_codestream(frame).precision, dataset.BitsStored) == (bits, bits)


@pytest.mark.parametrize("monochrome1", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 0.0), (2.0, 100.0), (1.0, -1024.0)])
def test_however_it_is_stored_the_window_shows_the_same_picture(
    monochrome1: bool, signed: bool, slope: float, intercept: float
) -> None:
    acquisition = _with(
        monochrome1=monochrome1, signed=signed, slope=slope, intercept=intercept,
        black=0.1, white=0.7, window=(0.25, 0.75), window_function="LINEAR_EXACT",
    )  # fmt: skip
    source = read_source(dicom_bytes(RAMP, SUBJECT, acquisition))
    shown = canonical_values(source.pixels, source.presentation, Intensity(policy="voi")) / 65535
    # The window runs from density 0.25 (black) to 0.75 (white): 1228 stored values, the ends rounded to whole numbers.
    np.testing.assert_allclose(shown, ((RAMP - 0.25) / 0.5).clip(0, 1), atol=2.5 / 1228)


def test_the_age_is_that_on_the_day_before_a_birthday() -> None:
    dataset = read_dataset(dicom_bytes(RAMP, SUBJECT, ACQUISITION))
    assert dataset.PatientAge == "053Y"
    assert dataset.PatientID == "SYN1-0007"


def test_uids_are_uuids_under_2_25_and_differ() -> None:
    found = {synthetic_uid(seed, kind, n) for seed in (1, 2) for kind in ("study", "series") for n in (1, 2)}
    assert len(found) == 8
    assert all(uid.is_valid and uid.startswith("2.25.") and 0 < int(uid[5:]) < 2**128 for uid in found)


@pytest.mark.parametrize("modality", ["CR", "DX"])
@pytest.mark.parametrize("syntax", [TRANSFER_SYNTAXES[1], RLELossless, JPEG2000Lossless])
def test_dciodvfy_finds_no_error(tmp_path: Path, modality: str, syntax: str) -> None:
    """David Clunie's validator of information objects; it does not read deflated files."""
    if which("dciodvfy") is None:
        pytest.skip("dciodvfy is missing (Debian package dicom3tools)")
    file = tmp_path / "synthetic.dcm"
    file.write_bytes(dicom_bytes(RAMP, SUBJECT, _with(modality=modality, syntax=syntax, monochrome1=True)))
    said = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False).stderr
    assert "Image" in said
    assert [line for line in said.splitlines() if "Error" in line] == []
