"""`radflow verify`: a line a version; altered ones end it with exit code 8."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.main import main
from data_schemas.approvals import APPROVE, record
from data_schemas.digests import content_digest, write_digests
from tests.data_schemas.test_approvals import approval


def pushed(root: Path, model: str, number: int, *, sums: bool = True) -> Path:
    version = root / model / str(number)
    (version / "assets.extra").mkdir(parents=True)
    (version / "saved_model.pb").write_text(f"{model} {number}")
    if sums:
        write_digests(version)
    return version


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two models; version 1 of `chest` was pushed before there were sums."""
    folder = tmp_path / "serving"
    pushed(folder, "chest", 1, sums=False)
    pushed(folder, "chest", 2)
    pushed(folder, "ct", 10)
    return folder


def test_a_served_folder_has_a_line_for_each_version(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(root)]) == 0
    assert capsys.readouterr().out == (
        "chest/1: unchecked: no SHA256SUMS to check it by: pushed by an older Radflow, or not by Radflow\n"
        "chest/2: unaltered\n"
        "ct/10: unaltered\n"
    )


@pytest.mark.parametrize("folder", ["ct", "ct/10"])
def test_a_model_and_a_version_can_be_named_too(root: Path, folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(root / folder)]) == 0
    assert capsys.readouterr().out == "ct/10: unaltered\n"


def test_an_altered_version_is_named_after_all_were_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "chest" / "2" / "saved_model.pb").write_text("other")
    assert main(["verify", str(root)]) == 8
    said = capsys.readouterr()
    assert "chest/2: altered: chest/2 was altered: saved_model.pb was changed" in said.out
    assert "ct/10: unaltered" in said.out
    assert said.err.startswith("radflow verify: 1 version was altered: chest/2;")


def test_a_version_without_its_graph_is_altered_and_not_absent(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "ct" / "10" / "saved_model.pb").unlink()
    assert main(["verify", str(root / "ct" / "10")]) == 8
    assert "saved_model.pb is missing" in capsys.readouterr().out
    assert main(["verify", str(root)]) == 8
    assert "ct/10: altered" in capsys.readouterr().out


def test_an_approved_version_whose_sums_were_written_anew_is_altered(root: Path, capsys) -> None:
    version = root / "chest" / "2"
    record(root, APPROVE, approval(2, digest=content_digest(version)))
    assert main(["verify", str(version)]) == 0
    assert capsys.readouterr().out == "chest/2: unaltered, approved\n"
    (version / "saved_model.pb").write_text("other")
    write_digests(version)
    assert main(["verify", str(version)]) == 8
    assert "chest/2: altered, approved: not what A. Reader approved" in capsys.readouterr().out


def test_an_approved_version_without_sums_is_checked_by_its_approval(root: Path, capsys) -> None:
    record(root, APPROVE, approval(1, digest=content_digest(root / "chest" / "1")))
    assert main(["verify", str(root / "chest")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "chest/1: unaltered, approved"
    (root / "chest" / "1" / "more").write_text("")
    assert main(["verify", str(root / "chest")]) == 8


def test_a_broken_audit_log_is_exit_code_7(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "audit.jsonl").write_text("{}\n")
    assert main(["verify", str(root)]) == 7
    assert "audit log: line 1 is no entry" in capsys.readouterr().err


def test_json_is_an_object_a_version(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / "chest")
    assert main(["verify", "--json", str(root)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": "ct", "version": "10", "state": "unaltered", "reason": "", "approved": False,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_folder_without_versions_is_wrong_usage(tmp_path: Path, name: str, capsys) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["verify", str(tmp_path / name)]) == 2
    assert "no version in" in capsys.readouterr().err


def test_the_output_of_a_run_means_what_it_serves(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(root.parent)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["chest/2: unaltered", "ct/10: unaltered"]
