"""The folder that servers poll: which version is served, and what a change of it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError
from data_schemas.served_folder import (
    model_digest,
    newest_version,
    resolve_version,
    served_state,
    version_folders,
    versions,
)


def _version(folder: Path, content: str = "a") -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    return folder


def test_the_newest_version_is_the_highest_number(tmp_path: Path) -> None:
    for name in ("2", "10", "9", ".pushing-11", "12-backup"):
        _version(tmp_path / name)
    assert list(versions(tmp_path)) and newest_version(tmp_path) == tmp_path / "10"


def test_an_empty_or_absent_folder_serves_nothing(tmp_path: Path) -> None:
    assert newest_version(tmp_path) is None and newest_version(tmp_path / "none") is None
    assert served_state(tmp_path) == "nothing is served"


def test_a_version_without_its_graph_is_none_but_its_folder_is_there(tmp_path: Path) -> None:
    _version(tmp_path / "1")
    (tmp_path / "2" / "assets.extra").mkdir(parents=True)
    assert list(versions(tmp_path)) == [1] and newest_version(tmp_path) == resolve_version(tmp_path) == tmp_path / "1"
    assert sorted(version_folders(tmp_path)) == [1, 2]


def test_a_model_is_named_by_its_folder_of_versions_or_by_one_version(tmp_path: Path) -> None:
    version = _version(tmp_path / "task" / "3")
    assert resolve_version(tmp_path / "task") == resolve_version(version) == version
    with pytest.raises(ConfigurationError, match="no model in"):
        resolve_version(tmp_path)


def test_the_digest_follows_names_and_bytes_alone(tmp_path: Path) -> None:
    one, same, other = (_version(tmp_path / name, content) for name, content in (("1", "a"), ("2", "a"), ("3", "b")))
    assert model_digest(one) == model_digest(same) != model_digest(other)
    (same / "more").write_text("")
    assert model_digest(one) != model_digest(same)


def test_the_state_changes_when_another_model_is_served(tmp_path: Path) -> None:
    _version(tmp_path / "1")
    before = served_state(tmp_path)
    _version(tmp_path / "2", "b")
    assert served_state(tmp_path) != before


def test_what_the_pusher_adds_is_no_part_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_text("a")
    (tmp_path / "assets.extra").mkdir()
    before = model_digest(tmp_path)
    for name in ("SHA256SUMS", "tf_serving_warmup_requests", "evaluation.json"):
        (tmp_path / "assets.extra" / name).write_text("x")
    assert model_digest(tmp_path) == before
    (tmp_path / "evaluation.json").write_text("x")
    assert model_digest(tmp_path) != before, "such a name elsewhere is the model's own"
