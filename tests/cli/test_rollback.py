"""`radflow rollback`: what it publishes and records, what it refuses, and what a kill leaves to the next one."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from io import RawIOBase
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from cli import rollback
from cli.main import main
from components.pusher.publish import publish
from data_schemas import approvals, models_config
from data_schemas.approvals import APPROVE, WITHDRAW, read_approvals, read_audit, record
from data_schemas.digests import check_digests, content_digest, write_digests
from data_schemas.restored import read_restored
from data_schemas.served_folder import model_digest, versions
from tests.cli.test_verify import pushed
from tests.data_schemas.test_approvals import approval
from tests.data_schemas.test_served_evaluation import EVALUATION

WORDS = {"--by": "Ada Reader", "--role": "radiologist", "--statement": "Version 3 flags every film."}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder whose model has three versions."""
    for number in (1, 2, 3):
        pushed(tmp_path / "output" / "serving", "chest", number)
    return tmp_path / "output"


@pytest.fixture(autouse=True)
def _instant(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes waiting for servers instant, by a file that becomes as old."""
    config = output / "serving" / "models.config"

    def sleep(seconds: float) -> None:
        os.utime(config, (config.stat().st_mtime - seconds,) * 2)

    monkeypatch.setattr(models_config, "settle_models_config", partial(models_config.settle_models_config, sleep=sleep))


def roll_back(output: Path, *words: str) -> int:
    return main(["rollback", *words, "--output", str(output), *(part for pair in WORDS.items() for part in pair)])


def labels(output: Path) -> dict[str, int]:
    message = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((output / "serving" / "models.config").read_text(), message)
    return dict(message.model_config_list.config[0].version_labels)


def chest(output: Path, number: int) -> Path:
    return output / "serving" / "chest" / str(number)


def test_the_former_model_becomes_the_highest_version_and_says_so(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert roll_back(output, "--json") == 0
    assert model_digest(chest(output, 4)) == model_digest(chest(output, 2))
    said = read_restored(chest(output, 4))
    assert said is not None
    assert (said.restores, said.first_version, said.in_place_of) == (2, 2, 3)
    assert (said.by, said.role, said.statement) == tuple(WORDS.values())
    assert check_digests(chest(output, 4)) is True
    assert labels(output) == {"candidate": 4}
    shown = capsys.readouterr().out
    assert "Published: chest/4, the model of version 2" in shown and "No version is approved" in shown
    result = json.loads(shown.splitlines()[-1])
    assert (result["version"], result["restores"], result["approved"]) == (4, 2, None)


def test_it_is_in_the_audit_log_and_approves_nothing(output: Path) -> None:
    record(output / "serving", "approve", approval(3, digest=content_digest(chest(output, 3))))
    assert roll_back(output) == 0
    entry = read_audit(output / "serving")[-1]
    assert (entry.action, entry.subject, entry.actor) == ("rollback", "chest/4", "Ada Reader")
    assert entry.details == {
        "role": "radiologist",
        "statement": WORDS["--statement"],
        "digest": content_digest(chest(output, 4)),
        "restores": 2,
    }
    assert read_approvals(output / "serving")["chest"].version == 3
    assert labels(output) == {"candidate": 4, "approved": 3}


def test_with_approve_the_new_version_is_approved_in_the_same_words(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(output / "serving", "approve", approval(3, digest=content_digest(chest(output, 3))))
    assert roll_back(output, "--approve") == 0
    held = read_approvals(output / "serving")["chest"]
    assert (held.version, held.by, held.digest) == (4, "Ada Reader", content_digest(chest(output, 4)))
    assert labels(output) == {"candidate": 4, "approved": 4}
    assert "Version 4 is the candidate, and approved." in capsys.readouterr().out
    assert main(["verify", str(output / "serving")]) == 0


def test_a_named_version_is_restored_and_of_a_restored_one_the_first_is_kept(output: Path) -> None:
    assert roll_back(output, "1") == 0
    pushed(output / "serving", "chest", 5)
    assert roll_back(output, "4") == 0
    said = read_restored(chest(output, 6))
    assert said is not None
    assert (said.restores, said.first_version) == (4, 1)


def test_going_back_twice_goes_further_back_and_not_forth(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert roll_back(output) == 0
    assert roll_back(output) == 0
    said = read_restored(chest(output, 5))
    assert said is not None
    assert said.restores == 1
    assert roll_back(output) == 2
    assert "nothing to go back to" in capsys.readouterr().err


def test_a_version_whose_approval_was_withdrawn_is_passed_over_unless_named(output: Path) -> None:
    record(output / "serving", WITHDRAW, approval(2))
    assert rollback.former_version(output / "serving" / "chest", read_audit(output / "serving")) == 1
    assert roll_back(output, "2") == 0


@pytest.mark.parametrize("removed", [False, True])
def test_a_model_whose_approval_was_withdrawn_under_another_number_is_passed_over(output: Path, removed: bool) -> None:
    root = output / "serving"
    record(root, APPROVE, approval(1, digest=content_digest(chest(output, 1))))
    assert roll_back(output, "1", "--approve") == 0
    record(root, WITHDRAW, approval(4))
    pushed(root, "chest", 5)
    for number in (3, 4) if removed else (3,):
        shutil.rmtree(chest(output, number))
    assert rollback.former_version(root / "chest", read_audit(root)) == 2
    shutil.rmtree(chest(output, 2))
    assert roll_back(output, "--approve") == 2
    assert max(versions(root / "chest")) == 5 and read_approvals(root) == {}


def test_a_withdrawal_is_of_the_restored_model_too_where_the_first_version_was_removed(output: Path) -> None:
    root = output / "serving"
    assert roll_back(output, "1") == 0
    record(root, WITHDRAW, approval(1))
    pushed(root, "chest", 5)
    shutil.rmtree(chest(output, 1))
    assert rollback.former_version(root / "chest", read_audit(root)) == 2


def test_a_model_that_was_approved_again_after_a_withdrawal_is_taken(output: Path) -> None:
    root = output / "serving"
    assert roll_back(output, "1", "--approve") == 0
    record(root, WITHDRAW, approval(4))
    record(root, APPROVE, approval(1, digest=content_digest(chest(output, 1))))
    shutil.rmtree(chest(output, 2))
    pushed(root, "chest", 5)
    assert rollback.former_version(root / "chest", read_audit(root)) == 4


def test_the_newest_model_is_no_former_one(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert roll_back(output, "3") == 2
    assert "chest/3, has the model of version 3 already" in capsys.readouterr().err
    assert roll_back(output, "1") == 0
    assert roll_back(output, "1") == 2
    assert "chest/4, has the model of version 1 already" in capsys.readouterr().err
    assert len(read_audit(output / "serving")) == 1


def test_an_altered_version_is_not_restored(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (chest(output, 2) / "saved_model.pb").write_text("other")
    assert roll_back(output, "2") == 8
    assert "saved_model.pb was changed" in capsys.readouterr().err
    assert max(versions(output / "serving" / "chest")) == 3


def test_a_version_that_missed_a_gate_is_not_restored(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missed = EVALUATION.model_copy(update={"gates_passed": False, "gates": ("AUROC: unmet",)})
    (chest(output, 2) / "assets.extra" / "evaluation.json").write_text(missed.model_dump_json())
    write_digests(chest(output, 2))
    assert roll_back(output, "2") == 3
    assert "not rolled back; chest/2 missed a gate" in capsys.readouterr().err


def test_who_and_why_must_be_said(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "1", "--output", str(output), "--by", "A", "--role", "r"]) == 2
    assert "--statement is missing or empty: a rollback says who" in capsys.readouterr().err
    assert max(versions(output / "serving" / "chest")) == 3


def test_a_broken_audit_log_stops_it_before_anything_is_published(output: Path) -> None:
    (output / "serving" / "audit.jsonl").write_text("{}\n")
    assert roll_back(output) == 7
    assert max(versions(output / "serving" / "chest")) == 3


def test_what_a_kill_left_unrecorded_is_recorded_by_the_same_command(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rollback, "_record", killed)
        assert roll_back(output) == 130
    assert max(versions(output / "serving" / "chest")) == 4 and read_audit(output / "serving") == []
    assert roll_back(output) == 0
    assert max(versions(output / "serving" / "chest")) == 4
    (entry,) = read_audit(output / "serving")
    assert (entry.subject, entry.details["digest"]) == ("chest/4", content_digest(chest(output, 4)))


@pytest.mark.parametrize("written", [False, True])
def test_a_kill_at_the_audit_log_leaves_both_entries_or_none_and_the_same_command_goes_no_version_further(
    output: Path, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    write = approvals._write_all

    def killed(file: RawIOBase, data: bytes) -> None:
        if written:
            write(file, data)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(approvals, "_write_all", killed)
        assert roll_back(output, "--approve") == 130
    assert len(read_audit(output / "serving")) == (2 if written else 0)
    assert roll_back(output, "--approve") == 0
    actions = [(one.action, one.subject) for one in read_audit(output / "serving")]
    assert actions == [("rollback", "chest/4"), ("approve", "chest/4")]
    assert max(versions(output / "serving" / "chest")) == 4
    assert labels(output) == {"candidate": 4, "approved": 4}


def test_an_approval_that_is_missing_behind_a_rollback_is_recorded_by_the_same_command(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(models_config, "write_models_config", killed)
        assert roll_back(output) == 130
    assert roll_back(output, "--approve") == 0
    assert [one.action for one in read_audit(output / "serving")] == ["rollback", "approve"]
    assert labels(output) == {"candidate": 4, "approved": 4}


def test_a_push_of_the_restored_model_makes_no_new_version(output: Path) -> None:
    assert roll_back(output) == 0
    assert publish(chest(output, 2), output / "serving" / "chest", {}) == chest(output, 4)


def test_a_version_that_a_kill_left_half_written_on_a_bucket_is_no_version(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(source: Path, target: Path) -> None:
        if target.name == "saved_model.pb":
            raise KeyboardInterrupt
        shutil.copyfile(source, target)

    monkeypatch.setattr("components.pusher.publish.renames_folders", lambda _: False)
    with monkeypatch.context() as patched:
        patched.setattr("components.pusher.object_store.copyfile", killed)
        assert roll_back(output, "--approve") == 130
    assert chest(output, 4).is_dir() and max(versions(output / "serving" / "chest")) == 3
    assert roll_back(output, "--approve") == 0
    assert model_digest(chest(output, 4)) == model_digest(chest(output, 2))
    assert labels(output) == {"candidate": 4, "approved": 4}


def test_where_no_version_is_whole_there_is_nothing_to_go_back_to(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        (chest(output, number) / "saved_model.pb").unlink()
    assert roll_back(output) == 2
    assert "no version of chest has a model" in capsys.readouterr().err
