"""API keys: their file, and what is taken."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError
from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.api_keys import ApiKeys, new_key, read_keys, write_keys
from serving.gateway.authentication.invalid_token import InvalidToken

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
PSEUDONYMS = Pseudonyms(bytes(range(32)))


def made(expires: datetime | None = None, *, subject: str = "Jane Doe", role: str = "reader", group: str = "radiology"):
    return new_key(subject=subject, role=role, group=group, expires=expires, now=NOW)


def principal(keys: ApiKeys, token: str):
    return asyncio.run(keys.principal(token))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_gives_its_role_and_group_and_a_hash_of_its_subject(path: Path):
    token, record = made(role="admin")
    write_keys(path, [record])
    found = principal(ApiKeys(path, PSEUDONYMS), token)
    assert (found.role, found.group, found.authentication) == ("admin", "radiology", "api_key")
    assert "Jane" not in found.subject and len(found.subject) == 32


def test_the_file_holds_no_key_and_only_its_owner_reads_it(path: Path):
    token, record = made()
    write_keys(path, [record])
    assert token.split("_", 2)[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_keys_of_the_same_subject_have_unlike_salts():
    assert made()[1].salt != made()[1].salt


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: f"{t}x", lambda t: t.replace(t[8:20], "0" * 12)])
def test_a_changed_key_is_refused(path: Path, change):
    token, record = made()
    write_keys(path, [record])
    with pytest.raises(InvalidToken):
        principal(ApiKeys(path, PSEUDONYMS), change(token))


@pytest.mark.parametrize("token", ["radflow_", "radflow__", "radflow_-_-", "radflow_é_ü"])
def test_no_key_at_all_is_refused(path: Path, token: str):
    write_keys(path, [])
    with pytest.raises(InvalidToken):
        principal(ApiKeys(path, PSEUDONYMS), token)


def test_a_key_expires_at_its_second(path: Path):
    token, record = made(NOW + timedelta(days=1))
    write_keys(path, [record])
    before = ApiKeys(path, PSEUDONYMS, now=lambda: NOW + timedelta(days=1, seconds=-1))
    assert principal(before, token).role == "reader"
    with pytest.raises(InvalidToken, match="expired"):
        principal(ApiKeys(path, PSEUDONYMS, now=lambda: NOW + timedelta(days=1)), token)


def test_a_revoked_key_is_refused_without_a_restart(path: Path):
    (token, record), (other, kept) = made(), made(subject="John")
    write_keys(path, [record, kept])
    keys = ApiKeys(path, PSEUDONYMS)
    assert principal(keys, token)
    write_keys(path, [kept])
    with pytest.raises(InvalidToken):
        principal(keys, token)
    assert principal(keys, other)


def test_a_file_that_went_away_lets_nobody_in(path: Path):
    token, record = made()
    write_keys(path, [record])
    keys = ApiKeys(path, PSEUDONYMS)
    path.unlink()
    with pytest.raises(InvalidToken):
        principal(keys, token)


@pytest.mark.parametrize("text", ["", "{", '{"keys": [{"id": "x"}]}', '{"version": 2}', "[]"])
def test_a_file_that_is_none_says_how_to_make_one(path: Path, text: str):
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="radflow key add"):
        read_keys(path)


def test_a_file_that_others_may_write_is_refused(path: Path):
    write_keys(path, [])
    path.chmod(0o660)
    with pytest.raises(ConfigurationError, match="chmod go-w"):
        read_keys(path)


def test_an_absent_file_is_told(path: Path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_keys(path)
