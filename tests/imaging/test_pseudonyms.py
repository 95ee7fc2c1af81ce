from __future__ import annotations

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_schemas.errors import PseudonymKeyError
from imaging.pseudonyms import Pseudonyms


def test_first_use_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "pseudonyms.key"
    Pseudonyms.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(path.read_bytes()) == 32
    assert [entry.name for entry in path.parent.iterdir()] == ["pseudonyms.key"]


def test_the_same_key_file_gives_the_same_pseudonyms(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first, second = Pseudonyms.load_or_create(path), Pseudonyms.load_or_create(path)
    assert first.pseudonym("patient", "A") == second.pseudonym("patient", "A")
    assert first.key_id == second.key_id


def test_two_folders_get_two_keys(tmp_path: Path) -> None:
    first, second = (Pseudonyms.load_or_create(tmp_path / name / "key") for name in "ab")
    assert first.pseudonym("patient", "A") != second.pseudonym("patient", "A")
    assert first.key_id != second.key_id


def test_first_runs_at_the_same_time_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Pseudonyms.load_or_create(tmp_path / "key").key_id, range(16)))
    assert len(set(found)) == 1


def test_a_pseudonym_is_hmac_sha256_of_kind_and_value() -> None:
    key = bytes(range(32))
    expected = hmac.new(key, b"patient\0\xc3\x89", hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms(key).pseudonym("patient", "É") == expected


def test_kinds_do_not_share_pseudonyms() -> None:
    pseudonyms = Pseudonyms(bytes(32))
    assert pseudonyms.pseudonym("patient", "1") != pseudonyms.pseudonym("study", "1")


def test_the_key_id_is_not_a_part_of_the_key() -> None:
    key = bytes(range(32))
    assert Pseudonyms(key).key_id not in key.hex()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    Pseudonyms.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(PseudonymKeyError, match="chmod 600"):
        Pseudonyms.load_or_create(path)


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(PseudonymKeyError, match="it must have 32"):
        Pseudonyms.load_or_create(path)


def test_a_folder_in_place_of_the_key_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(PseudonymKeyError):
        Pseudonyms.load_or_create(tmp_path)
