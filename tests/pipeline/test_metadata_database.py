"""Which metadata store an output has: the first run decides, later ones find it, and no file has its password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from data_schemas.errors import ConfigurationError
from pipeline.metadata_database import MetadataDatabase, choose_database, output_database

URL = "postgresql://ada@db.example:5432/mlmd"
WITH_PASSWORD = "postgresql://ada:secret@db.example/mlmd"


@pytest.fixture(autouse=True)
def _connects() -> Iterator[None]:
    """Lets a server's database be reached; `test_metadata_servers.py` has real ones."""
    with patch.object(MetadataDatabase, "connect"):
        yield


def test_without_a_choice_runs_are_in_a_file_of_the_output(tmp_path: Path) -> None:
    found = choose_database(tmp_path, None, {})
    assert found == output_database(tmp_path, {}) == MetadataDatabase(file=tmp_path / "metadata.sqlite")
    assert found.run_id("2026") == "2026" and found.has("2026") and not found.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_was_chosen_first_is_found_again_without_its_password(tmp_path: Path) -> None:
    first = choose_database(tmp_path, WITH_PASSWORD, {})
    assert str(first) == URL and first.password == "secret" and first.exists()
    assert "secret" not in (tmp_path / "metadata.json").read_text()
    later = output_database(tmp_path, {})
    assert (later.url, later.suffix, later.password) == (first.url, first.suffix, "")
    assert choose_database(tmp_path, None, {}) == later
    assert choose_database(tmp_path, WITH_PASSWORD, {}) == first


@pytest.mark.parametrize(
    ("environment", "password"),
    [
        ({"RADFLOW_METADATA_PASSWORD": "one"}, "one"),
        ({"RADFLOW_METADATA": WITH_PASSWORD}, "secret"),
        ({"RADFLOW_METADATA": "postgresql://ada:other@elsewhere/mlmd"}, ""),
    ],
)
def test_the_password_is_the_environments(tmp_path: Path, environment: dict[str, str], password: str) -> None:
    choose_database(tmp_path, URL, {})
    assert output_database(tmp_path, environment).password == password


def test_the_environment_chooses_too(tmp_path: Path) -> None:
    assert str(choose_database(tmp_path, None, {"RADFLOW_METADATA": WITH_PASSWORD})) == URL


def test_runs_of_two_outputs_in_one_database_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (choose_database(tmp_path / name, URL, {}) for name in ("a", "b"))
    run = first.run_id("2026-01-01T00-00-00")
    assert first.has(run) and not second.has(run)


def test_an_output_whose_runs_are_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.sqlite").touch()
    with pytest.raises(ConfigurationError, match=r"are recorded in .*metadata.sqlite, not in postgresql://ada@db"):
        choose_database(tmp_path, WITH_PASSWORD, {})
    (tmp_path / "metadata.sqlite").unlink()
    choose_database(tmp_path, URL, {})
    with pytest.raises(ConfigurationError, match=r"not in mysql://db\.example:3306/mlmd"):
        choose_database(tmp_path, "mysql://db.example/mlmd", {})


def test_a_choice_that_cannot_be_read_is_no_empty_store(tmp_path: Path) -> None:
    for text in ("{", "[]", json.dumps({"url": URL}), json.dumps({"url": "x", "run_suffix": ""})):
        (tmp_path / "metadata.json").write_text(text)
        with pytest.raises(ConfigurationError, match="does not say where this output's runs are recorded"):
            output_database(tmp_path, {})


def test_a_database_that_does_not_let_us_in_is_not_chosen(tmp_path: Path) -> None:
    with (
        patch.object(MetadataDatabase, "connect", side_effect=ConfigurationError("closed")),
        pytest.raises(ConfigurationError, match="closed"),
    ):
        choose_database(tmp_path, URL, {})
    assert list(tmp_path.iterdir()) == []
