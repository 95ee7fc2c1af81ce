from __future__ import annotations

from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError
from imaging.withdrawals import add_withdrawn, is_pseudonym, read_withdrawn, withdrawals_digest

A, B = "a" * 32, "b" * 32


def test_what_is_added_is_read_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "private" / "withdrawn.txt"
    assert read_withdrawn(path) == frozenset()
    add_withdrawn(path, [A])
    add_withdrawn(path, [B, A])
    assert read_withdrawn(path) == {A, B}
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_digest_follows_the_list_alone(tmp_path: Path) -> None:
    path = tmp_path / "withdrawn.txt"
    empty = withdrawals_digest(path)
    add_withdrawn(path, [A])
    one = withdrawals_digest(path)
    add_withdrawn(path, [A])
    assert withdrawals_digest(path) == one != empty


@pytest.mark.parametrize("content", [b"Jane Doe\n", b"\xff", b"a" * 31])
def test_a_list_that_cannot_be_read_stops(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "withdrawn.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="list of withdrawals"):
        read_withdrawn(path)


def test_a_pseudonym_is_32_hexadecimal_digits() -> None:
    assert is_pseudonym(A) and not any(map(is_pseudonym, ("A" * 32, "a" * 31, "", A + "\n")))
