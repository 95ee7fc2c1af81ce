from __future__ import annotations

import os
import signal
import time
import zlib

import pytest

from serving.gateway.decoding_pool import DecodingPool, FileRefusedError
from serving.gateway.problems import ProblemError

LIMITS = {"frames": 10, "pixels": 2**27}


@pytest.fixture(scope="module")
def pool():
    """One worker, which tests stop and kill: it is replaced."""
    with DecodingPool(workers=1, waiting=1, timeout_s=10) as pool:
        yield pool


@pytest.fixture
def taken_in(tmp_path, make_film):
    """Returns a function that takes a file in: a film unless other bytes are given."""

    def take_in(pool, data=None):
        file = tmp_path / "file"
        file.write_bytes(make_film() if data is None else data)
        arguments = {"key_file": str(tmp_path / "key"), "limits": LIMITS, "task": None, "declared": {}}
        return pool.submit("take_in", file=str(file), out=str(tmp_path), **arguments)

    return take_in


def process_of(pool):
    return pool._workers[0]._process


def test_a_file_is_read(pool, taken_in, tmp_path):
    answer = taken_in(pool).result(60)
    assert answer["image"]["modality"] == "CR"
    assert (tmp_path / "kept").exists()


def test_a_file_that_is_no_image_is_told_apart_and_the_worker_stays(pool, taken_in):
    taken_in(pool).result(60)
    before = process_of(pool).pid
    with pytest.raises(FileRefusedError, match="neither DICOM nor PNG") as caught:
        taken_in(pool, b"hello").result(60)
    assert caught.value.status == "not_dicom"
    assert process_of(pool).pid == before


def test_a_worker_that_dies_costs_its_file_alone(pool, taken_in):
    taken_in(pool).result(60)
    os.kill(process_of(pool).pid, signal.SIGSTOP)
    future = taken_in(pool)
    time.sleep(0.2)
    os.kill(process_of(pool).pid, signal.SIGKILL)
    with pytest.raises(FileRefusedError, match="ended the decoder") as caught:
        future.result(60)
    assert caught.value.status == "corrupt"
    assert taken_in(pool).result(60)["image"]["format"] == "DICOM"


def test_a_worker_that_hangs_is_ended(taken_in):
    with DecodingPool(workers=1, waiting=1, timeout_s=0.5) as hurried:
        taken_in(hurried).result(60)
        hanging = process_of(hurried).pid
        os.kill(hanging, signal.SIGSTOP)
        with pytest.raises(FileRefusedError, match=r"takes more than 0\.5 s") as caught:
            taken_in(hurried).result(60)
        assert caught.value.status == "unsupported"
        assert process_of(hurried) is None
        assert taken_in(hurried).result(60)["image"]["format"] == "DICOM"
        assert process_of(hurried).pid != hanging


def png_of_zeros(side):
    """Returns a small PNG that decodes to a large image."""

    def chunk(name, data):
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    packer = zlib.compressobj(9)
    rows = b"".join([*(packer.compress(bytes(side + 1)) for _ in range(side)), packer.flush()])
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_file_that_takes_too_much_memory_is_refused_and_others_are_not(taken_in):
    with DecodingPool(workers=1, waiting=1, memory_bytes=400 * 2**20) as small:
        with pytest.raises(FileRefusedError, match="more than 400 MiB of memory") as caught:
            taken_in(small, png_of_zeros(9000)).result(60)
        assert caught.value.status == "unsupported"
        assert taken_in(small).result(60)["image"]["format"] == "DICOM"


def test_an_image_larger_than_is_taken_is_refused_before_it_is_decoded(pool, taken_in):
    with pytest.raises(FileRefusedError, match="a frame of 12000 x 12000"):
        taken_in(pool, png_of_zeros(12_000)).result(60)


def test_an_unforeseen_failure_is_no_more_than_its_files(pool, tmp_path):
    with pytest.raises(FileRefusedError, match=r"cannot be decoded \(FileNotFoundError\)"):
        pool.submit("rendered", file=str(tmp_path / "absent"), out="", frame=1, window=None, invert=False).result(60)


def test_more_requests_than_may_wait_are_told_when_to_come_again(pool):
    with pool.admitted(), pool.admitted():
        with pytest.raises(ProblemError) as caught, pool.admitted():
            pass
        with pytest.raises(ProblemError):
            pool.check_admitting()
    assert (caught.value.kind.status, caught.value.headers["Retry-After"]) == (429, "5")
    pool.check_admitting()


def test_many_tasks_at_once_are_all_answered(pool, taken_in, tmp_path):
    taken_in(pool).result(60)
    arguments = {"out": str(tmp_path), "frame": 1, "window": None, "invert": False}
    futures = [pool.submit("rendered", file=str(tmp_path / "kept"), **arguments) for _ in range(20)]
    assert [future.result(60) for future in futures] == [{}] * 20


def test_a_closed_pool_leaves_no_process(taken_in):
    pool = DecodingPool(workers=1, waiting=1)
    pool.start()
    taken_in(pool).result(60)
    process = process_of(pool)
    pool.close()
    assert process.poll() is not None
