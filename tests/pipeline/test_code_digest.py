"""The digest changes with the code and with the versions, and with nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.code_digest import code_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "digested"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/a.py"):
        (folder / name).write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_the_same_code_gives_the_same_digest_without_being_imported(package: Path) -> None:
    assert code_digest(["digested"]) == code_digest(["digested"])
    assert "digested" not in sys.modules


@pytest.mark.parametrize("change", ["inner/a.py", "new.py"])
def test_any_change_of_a_source_changes_it(package: Path, change: str) -> None:
    before = code_digest(["digested"])
    (package / change).write_text("x = 1\n")
    assert code_digest(["digested"]) != before


def test_a_file_that_moves_between_folders_changes_it(package: Path) -> None:
    before = code_digest(["digested"])
    (package / "inner" / "a.py").rename(package / "a.py")
    assert code_digest(["digested"]) != before


def test_one_module_is_digested_without_its_neighbours(package: Path) -> None:
    before = code_digest(["digested.inner.a"])
    (package / "inner" / "b.py").write_text("x = 1\n")
    assert code_digest(["digested.inner.a"]) == before
    (package / "inner" / "a.py").write_text("x = 1\n")
    assert code_digest(["digested.inner.a"]) != before


def test_what_is_no_source_does_not_matter(package: Path) -> None:
    before = code_digest(["digested"])
    (package / "notes.txt").write_text("x")
    assert code_digest(["digested"]) == before


def test_a_librarys_version_is_part_of_it(package: Path) -> None:
    assert code_digest(["digested"], distributions=["numpy"]) != code_digest(["digested"])


def test_a_package_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        code_digest(["no_such_package"])
