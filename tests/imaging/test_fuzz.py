"""Mutated files of the zoo, in processes of their own: a typed answer in bounded time and memory, never a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.inspection import inspect_bytes

ZOO = Path(__file__).parents[2] / ".." / "shared" / "data" / "dicom-zoo"
ROOT = Path(__file__).parents[2]
STATUSES = {"ok", "no_pixels", "unsupported", "corrupt", "not_dicom"}
_STARTS = (b"", bytes(128) + b"DICM", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08", b"\x5c\x01\x00\x00")


def _inspected(first: int, last: int, *, largest: int) -> dict[str, int]:
    """Returns how often mutations `first` to `last` had each status; a process that dies names the last one."""
    command = [sys.executable, str(Path(__file__).with_name("mutated_files.py")), str(ZOO)]
    done = subprocess.run(
        [*command, str(first), str(last), str(largest)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.splitlines()[-3:]
    assert "slow" not in done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not ZOO.is_dir(), reason="the DICOM zoo is not beside the project, in ../shared/data")
def test_two_thousand_mutated_files_get_an_answer() -> None:
    found = _inspected(0, 2000, largest=300_000)
    assert set(found) <= STATUSES and sum(found.values()) == 2000
    assert found["corrupt"] > 100  # the mutations do reach what is checked


@pytest.mark.fuzz
@pytest.mark.skipif(not ZOO.is_dir(), reason="the DICOM zoo is not beside the project, in ../shared/data")
@pytest.mark.parametrize("block", range(10))
def test_thousands_of_mutated_files_get_an_answer(block: int) -> None:
    found = _inspected(1000 + 2000 * block, 3000 + 2000 * block, largest=300_000 if block < 7 else 100_000_000)
    assert set(found) <= STATUSES and sum(found.values()) == 2000


@given(st.sampled_from(_STARTS), st.binary(max_size=400))
@settings(deadline=None)
def test_random_bytes_get_an_answer(start: bytes, rest: bytes) -> None:
    assert inspect_bytes(start + rest)["status"] in STATUSES
