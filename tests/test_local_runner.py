"""What is checked and held before a pipeline runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import local_runner
from data_schemas.errors import ConfigurationError
from imaging.manifest import read_manifest
from models.backbones import BACKBONES
from tests.models.tasks import demo_task


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    (tmp_path / "manifest.csv").write_text("file,label,patient_id\na.png,normal,1\nb.png,nodule,2\n")
    return tmp_path / "manifest.csv"


def test_a_second_run_in_the_same_folder_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    with local_runner.only_run(tmp_path), pytest.raises(ConfigurationError, match="another run is at work"):
        local_runner.only_run(tmp_path).__enter__()
    with local_runner.only_run(tmp_path):
        pass


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made or used"), local_runner.only_run(tmp_path / "taken"):
        pass


def test_preparing_writes_the_schema_and_a_private_key(manifest: Path, tmp_path: Path) -> None:
    settings = local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    assert settings.schema.is_file()
    assert settings.pseudonym_key.stat().st_mode & 0o777 == 0o600
    assert settings.served_state == "nothing is served"
    assert settings.weights == {"small_cnn": ""} and settings.weights_digests == {"small_cnn": ""}


def test_two_runs_differ_in_nothing_but_the_nonce(manifest: Path, tmp_path: Path) -> None:
    first, second = (local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output") for _ in range(2))
    assert first.run_nonce != second.run_nonce
    for name in ("fingerprint", "pseudonym_key_id", "code_digests", "schema", "served_state", "task"):
        assert getattr(first, name) == getattr(second, name), name


def test_an_image_that_changes_under_the_same_manifest_changes_the_fingerprint(manifest: Path) -> None:
    task = demo_task()
    before = read_manifest(manifest, task).fingerprint()
    (manifest.parent / "a.png").write_bytes(b"other bytes")
    assert read_manifest(manifest, task).fingerprint() != before


def test_another_pseudonym_key_is_another_cache_key(manifest: Path, tmp_path: Path) -> None:
    first = local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    first.pseudonym_key.unlink()
    second = local_runner.prepare("synthetic_chest", manifest, output=tmp_path / "output")
    assert first.pseudonym_key_id != second.pseudonym_key_id


def test_a_backbone_that_does_not_exist_stops_before_any_work(manifest: Path, tmp_path: Path) -> None:
    task = (Path(__file__).parents[1] / "data_schemas" / "tasks" / "synthetic_chest.yaml").read_text()
    (tmp_path / "task.yaml").write_text(task.replace("backbone: small_cnn", "backbone: alexnet"))
    with pytest.raises(ConfigurationError, match=f"choose one of {', '.join(BACKBONES)}"):
        local_runner.prepare(str(tmp_path / "task.yaml"), manifest, output=tmp_path / "output")
    assert not (tmp_path / "output").exists()
