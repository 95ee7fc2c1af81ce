from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_schemas.errors import NotDicom, Unsupported
from imaging import image_file
from imaging.image_file import read_image_file


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_image_file(tmp_path / "a") == b"12345"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotDicom, match="no regular file"):
        read_image_file(tmp_path / "pipe")


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "MAX_FILE_BYTES", 4)
    (tmp_path / "a").write_bytes(b"12345")
    with pytest.raises(Unsupported, match="at most 4"):
        read_image_file(tmp_path / "a")


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_image_file(tmp_path / "gone")
