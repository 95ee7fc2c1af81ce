from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_schemas.errors import NotDicom, Unsupported
from imaging import image_file
from imaging.image_file import files_below, read_image_file


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


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a", "c/d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [str(path.relative_to(tmp_path)) for path in files_below(tmp_path)] == ["a", "b/1", "b/2", "c/d/e"]
    assert list(files_below(tmp_path / "a")) == [tmp_path / "a"]
