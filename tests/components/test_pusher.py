"""Publishing a version: by one rename, highest plus one, once."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.pusher.executor import publish
from data_schemas.served_folder import versions


def _model(folder: Path, content: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text(content)
    return folder


def test_the_first_version_is_1(tmp_path: Path) -> None:
    version = publish(_model(tmp_path / "model", "a"), tmp_path / "served")
    assert version == tmp_path / "served" / "1"
    assert (version / "variables" / "variables.index").read_text() == "a"


def test_the_next_version_is_the_highest_plus_one_not_the_clock(tmp_path: Path) -> None:
    served = tmp_path / "served"
    for name in ("3", "007", "notes"):
        _model(served / name, name)
    assert publish(_model(tmp_path / "model", "b"), served).name == "8"


def test_a_model_that_is_served_already_keeps_its_version(tmp_path: Path) -> None:
    model = _model(tmp_path / "model", "a")
    assert publish(model, tmp_path / "served") == publish(model, tmp_path / "served")
    assert list(versions(tmp_path / "served")) == [1]


def test_leftovers_of_a_killed_push_are_removed_and_never_served(tmp_path: Path) -> None:
    served = tmp_path / "served"
    _model(served / ".pushing-99", "half")
    assert publish(_model(tmp_path / "model", "a"), served).name == "1"
    assert sorted(path.name for path in served.iterdir()) == ["1"]


def test_no_version_exists_while_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "served"
    model = _model(tmp_path / "model", "a")
    seen: list[list[int]] = []
    copy = shutil.copytree

    def watch(source: Path, target: Path) -> None:
        copy(source, target, copy_function=lambda *names: (shutil.copy2(*names), seen.append(list(versions(served)))))

    monkeypatch.setattr("components.pusher.executor.shutil", SimpleNamespace(copytree=watch, rmtree=shutil.rmtree))
    publish(model, served)
    assert seen == [[], []]
