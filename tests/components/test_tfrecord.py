from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import tensorflow as tf

from components.dicom_example_gen.tfrecord import RecordWriter, check_records, masked_crc

RECORDS = [b"", b"one", bytes(range(256)) * 1000, bytes(65_535 - 16), bytes(65_536)]


def test_tensorflow_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "records.gz"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for record in RECORDS:
            writer.write(record)
        writer.close()
    read = tf.data.TFRecordDataset(str(path), compression_type="GZIP").as_numpy_iterator()
    assert list(read) == RECORDS


def test_no_record_is_an_empty_file_that_tensorflow_reads(tmp_path: Path) -> None:
    path = tmp_path / "records.gz"
    with path.open("wb") as file:
        RecordWriter(file).close()
    assert list(tf.data.TFRecordDataset(str(path), compression_type="GZIP").as_numpy_iterator()) == []


def test_masked_crc_is_tensorflows() -> None:
    # The CRC-32C of "123456789" is 0xE3069283 (RFC 3720, B.4 has others); rotated right by 15 and plus 0xA282EAD8.
    rotated = (0xE3069283 >> 15 | 0xE3069283 << 17) & 0xFFFFFFFF
    assert masked_crc(b"123456789") == ((rotated + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


def test_the_stream_is_gzip_for_others_too(tmp_path: Path) -> None:
    path = tmp_path / "records.gz"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(b"one")
        writer.close()
    plain = gzip.decompress(path.read_bytes())
    assert plain[:8] == (3).to_bytes(8, "little") and plain[12:15] == b"one" and len(plain) == 8 + 4 + 3 + 4


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "records.gz"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for record in RECORDS[1:3]:
            writer.write(record)
        writer.close()
    return path


def test_whole_records_pass_the_check_and_any_changed_byte_that_matters_does_not(written: Path) -> None:
    check_records(written)
    content = written.read_bytes()
    for at in (0, 1, 12, 16, 24, len(content) // 2, len(content) - 12, len(content) - 6, len(content) - 1):
        written.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        with pytest.raises(ValueError, match=r"sum|no whole file"):
            check_records(written)


def test_records_that_are_cut_off_anywhere_do_not_pass_the_check(written: Path) -> None:
    content = written.read_bytes()
    for length in (1, 9, 10, 14, 40, len(content) // 2, len(content) - 9, len(content) - 1):
        written.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"sum|no whole file"):
            check_records(written)
