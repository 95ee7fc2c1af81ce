from __future__ import annotations

from pathlib import Path

import pytest

from cli.serve import model_config
from data_schemas.errors import ConfigurationError
from serving.client import ModelClient
from serving.server.config import ModelConfig, VersionPolicy


def version(folder: Path) -> Path:
    """A version's folder, as far as `model_config` looks at it."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    return folder


def test_a_model_folder_is_served_under_its_name_newest_version_first(tmp_path):
    version(tmp_path / "chest" / "1")
    assert model_config(tmp_path / "chest") == ModelConfig("chest", tmp_path / "chest")


def test_a_version_folder_is_served_alone_under_its_parents_name(tmp_path):
    version(tmp_path / "chest" / "1")
    version(tmp_path / "chest" / "2")
    expected = ModelConfig("chest", tmp_path / "chest", VersionPolicy(specific=frozenset({1})))
    assert model_config(tmp_path / "chest" / "1") == expected


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_a_version_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="no version in it"):
        model_config(tmp_path / name)


def test_a_version_folder_that_is_not_numbered_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="whole number"):
        model_config(version(tmp_path / "export"))


def test_it_says_where_it_serves_and_what_to_try(served_toy):
    assert served_toy.lines == (
        f"serving synthetic_chest on {served_toy.address}",
        f"try: radflow predict --server {served_toy.address} FILE...   (Ctrl-C stops the server)",
    )


@pytest.mark.parametrize("name", ["synthetic_chest", "default"])
def test_the_model_answers_to_its_name_and_to_default(served_toy, name):
    with ModelClient(served_toy.address, name) as client:
        assert client.versions() == (3,)
        assert client.describe().task.name == "synthetic_chest"
