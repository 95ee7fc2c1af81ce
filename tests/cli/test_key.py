"""`radflow key`: a key's life."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import pytest

from cli import key as command
from data_schemas.errors import ConfigurationError
from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.api_keys import ApiKeys, read_keys


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


def add(path: Path, *words: str) -> int:
    return run("add", "--file", path, "--subject", "Jane Doe", "--role", "reader", "--group", "ct", *words)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "keys.json"


def test_the_key_that_is_printed_is_taken(path: Path, capsys):
    assert add(path) == 0
    key = capsys.readouterr().out.splitlines()[-1]
    found = asyncio.run(ApiKeys(path, Pseudonyms(bytes(32))).principal(key))
    assert (found.role, found.group) == ("reader", "ct")


def test_keys_are_added_listed_and_revoked(path: Path, capsys):
    add(path)
    add(path, "--days", "0")
    first, second = read_keys(path).keys
    assert first.expires is not None and (first.expires - first.created).days == 90
    capsys.readouterr()
    run("list", "--file", path)
    listed = capsys.readouterr().out
    assert first.id in listed and "never" in listed and "Jane Doe" in listed
    assert first.digest not in listed and first.salt not in listed
    run("revoke", second.id, "--file", path)
    assert read_keys(path).keys == (first,)


def test_the_file_may_be_named_by_the_environment(path: Path, monkeypatch):
    monkeypatch.setenv("RADFLOW_GATEWAY_API_KEYS_FILE", str(path))
    run("add", "--subject", "Jane", "--role", "admin", "--group", "it")
    assert read_keys(path).keys[0].role == "admin"


def test_no_file_is_told(monkeypatch):
    monkeypatch.delenv("RADFLOW_GATEWAY_API_KEYS_FILE", raising=False)
    with pytest.raises(ConfigurationError, match="--file"):
        run("list")


def test_an_unknown_key_is_told(path: Path):
    add(path)
    with pytest.raises(ConfigurationError, match="has no key 000000000000"):
        run("revoke", "000000000000", "--file", path)


@pytest.mark.parametrize("days", ["-1", "3651"])
def test_days_have_a_range(path: Path, days: str):
    with pytest.raises(ConfigurationError, match="--days"):
        add(path, "--days", days)


def test_a_group_has_a_length(path: Path):
    with pytest.raises(ConfigurationError, match="--group"):
        run("add", "--file", path, "--subject", "Jane", "--role", "reader", "--group", "g" * 65)


def test_no_table_is_begun_of_a_file_that_is_not_there(path: Path, capsys):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        run("list", "--file", str(path.parent / "missing"))
    assert not capsys.readouterr().out
