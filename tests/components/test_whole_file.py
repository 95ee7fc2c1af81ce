from __future__ import annotations

from pathlib import Path

import pytest

from components.whole_file import whole_file


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with whole_file(str(path)) as file:
        file.write(b"1")
        assert not path.exists()
    assert path.read_bytes() == b"1"


def test_what_an_error_cut_off_never_takes_the_name(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(TypeError), whole_file(str(path)) as file:
        file.write("text")  # type: ignore[arg-type]  # what fails half-way
    assert not path.exists()


def test_a_uri_goes_through_tensorflows_file_systems() -> None:
    import tensorflow as tf

    with whole_file("ram://folder/file") as file:
        file.write(b"1")
    assert tf.io.gfile.GFile("ram://folder/file", "rb").read() == b"1"
