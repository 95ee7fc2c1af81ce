from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from data_schemas.errors import Corrupt, NotDicom, Unsupported
from imaging import dicom_file
from imaging.dicom_file import integer, read_dataset, text, transfer_syntax, value

Maker = Callable[..., bytes]
PIXELS = np.arange(64, dtype=np.uint16).reshape(8, 8)
IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def without_meta(data: bytes) -> bytes:
    """Cuts the preamble and the file meta group away, whose length its first element gives."""
    (length,) = struct.unpack_from("<I", data, 140)
    return data[144 + length :]


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_a_headless_file_gets_the_syntax_that_its_bytes_parse_as(dicom: Maker, syntax: str) -> None:
    dataset = read_dataset(without_meta(dicom(PIXELS, syntax=syntax)))
    assert transfer_syntax(dataset) == syntax
    assert integer(dataset, "Rows") == 8


def test_a_headless_compressed_file_stays_without_a_syntax(dicom: Maker) -> None:
    data = without_meta(dicom(PIXELS, syntax="1.2.840.10008.1.2.4.90", frames=[b"\xff\x4f\xff\x51"]))
    assert transfer_syntax(read_dataset(data)) is None


@pytest.mark.parametrize("data", [b"", b"PK\3\4 a zip", b"%PDF-1.7", bytes(500), "Gruß".encode() * 99])
def test_what_is_not_dicom_is_said(data: bytes) -> None:
    with pytest.raises(NotDicom):
        read_dataset(data)


def test_a_preamble_alone_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        read_dataset(bytes(128) + b"DICM")


def test_a_file_beyond_the_limit_is_refused(dicom: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_file, "MAX_FILE_BYTES", 100)
    with pytest.raises(Unsupported, match="at most 100"):
        read_dataset(dicom(PIXELS))


def test_a_deflated_file_that_inflates_beyond_the_limit_is_refused(
    dicom: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dicom(np.zeros((512, 512), np.uint16), syntax="1.2.840.10008.1.2.1.99")
    assert len(data) < 10_000 < 512 * 512 * 2
    monkeypatch.setattr(dicom_file, "MAX_FILE_BYTES", 100_000)
    monkeypatch.setattr(dicom_file.pydicom, "dcmread", lambda *_, **__: pytest.fail("it was inflated without a limit"))
    with pytest.raises(Unsupported, match="deflated dataset"):
        read_dataset(data)


def test_a_broken_deflated_dataset_is_corrupt(dicom: Maker) -> None:
    data = dicom(PIXELS, syntax="1.2.840.10008.1.2.1.99")
    start = len(data) - len(without_meta(data))
    assert zlib.decompress(data[start:], -15)
    with pytest.raises(Corrupt):
        read_dataset(data[:start] + b"\xff" * 40)


def test_values_that_cannot_be_read_are_missing(dicom: Maker) -> None:
    dataset = read_dataset(dicom(PIXELS, PatientAge=""))
    assert value(dataset, "PatientAge") is None
    assert text(dataset, "WindowCenter") == ""
    assert integer(dataset, "NumberOfFrames") is None


def test_a_number_that_is_several_is_corrupt(dicom: Maker) -> None:
    dataset = read_dataset(dicom(PIXELS))
    dataset.Rows = [3, 0]
    with pytest.raises(Corrupt, match="Rows is not one whole number"):
        integer(dataset, "Rows")


def test_bad_headers_are_read_without_a_word_of_the_patient(
    dicom: Maker, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    data = dicom(PIXELS).replace(b"1.2.3.4\0", b"DOE^JOE\0")  # a UID that pydicom would quote in a warning
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        dataset = read_dataset(data)
        assert text(dataset, "SOPInstanceUID") == "DOE^JOE"
    assert not caught
    assert "DOE" not in caplog.text + "".join(capfd.readouterr())
