"""Approvals: the last entry counts, the chain is checked before anything is read or written."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from datetime import datetime, timedelta, timezone
from io import RawIOBase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_schemas import approvals
from data_schemas.approvals import APPROVE, WITHDRAW, Approval, only_writer, read_approvals, read_audit, record
from data_schemas.errors import AuditBroken, ConfigurationError

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)


def approval(version: int = 1, model: str = "chest", **changes) -> Approval:
    words = {"by": "A. Reader", "role": "radiologist", "statement": "I read its report.", "at": NOON, "digest": "ab"}
    return Approval(model=model, version=version, **(words | changes))


def recorded(root: Path, *entries: tuple[str, Approval]) -> Path:
    for action, one in entries:
        record(root, action, one)
    return root / "audit.jsonl"


def test_nothing_is_approved_where_there_is_no_log(tmp_path: Path) -> None:
    assert read_approvals(tmp_path / "serving") == {}
    assert read_audit(tmp_path) == []


def test_the_latest_approval_of_each_model_counts(tmp_path: Path) -> None:
    later = NOON + timedelta(days=1)
    recorded(tmp_path, (APPROVE, approval(2)), (APPROVE, approval(7, "ct")), (APPROVE, approval(1, at=later)))
    assert read_approvals(tmp_path) == {"chest": approval(1, at=later), "ct": approval(7, "ct")}
    assert [(one.number, one.action, one.subject) for one in read_audit(tmp_path)] == [
        (1, "approve", "chest/2"), (2, "approve", "ct/7"), (3, "approve", "chest/1"),
    ]  # fmt: skip


def test_a_withdrawal_leaves_nothing_approved(tmp_path: Path) -> None:
    recorded(tmp_path, (APPROVE, approval(1)), (APPROVE, approval(2)), (WITHDRAW, approval(2)))
    assert read_approvals(tmp_path) == {}


@given(by=TEXTS, role=TEXTS, statement=TEXTS, at=st.datetimes(timezones=st.just(timezone.utc)))
def test_any_words_and_time_come_back(tmp_path_factory, by: str, role: str, statement: str, at: datetime) -> None:
    folder = tmp_path_factory.mktemp("serving")
    one = approval(by=by, role=role, statement=statement, at=at)
    record(folder, APPROVE, one)
    assert read_approvals(folder) == {"chest": one}


def test_a_changed_entry_stops_reading_and_writing(tmp_path: Path) -> None:
    log = recorded(tmp_path, (APPROVE, approval(1)), (APPROVE, approval(2)))
    log.write_text(log.read_text().replace("chest/1", "chest/3"))
    before = log.read_bytes()
    with pytest.raises(AuditBroken, match="entry 1 was changed"):
        read_approvals(tmp_path)
    with pytest.raises(AuditBroken):
        record(tmp_path, APPROVE, approval(3))
    assert log.read_bytes() == before


@pytest.mark.parametrize("line", ["", "{}", "no json", '{"number": 1}'])
def test_a_line_that_is_no_entry_breaks_the_log(tmp_path: Path, line: str) -> None:
    (tmp_path / "audit.jsonl").write_text(f"{line}\n")
    with pytest.raises(AuditBroken, match="line 1 is no entry"):
        read_audit(tmp_path)


def test_an_approval_that_lacks_something_is_broken(tmp_path: Path) -> None:
    from data_schemas.audit_chain import sealed

    entry = sealed(None, at=NOON, actor="a", action="approve", subject="chest/one", details={"role": "r"})
    (tmp_path / "audit.jsonl").write_text(entry.model_dump_json() + "\n")
    with pytest.raises(AuditBroken, match="entry 1 is no approval"):
        read_approvals(tmp_path)


@pytest.mark.parametrize("kept", [1, 40, -20, -1])
def test_half_a_line_at_the_end_breaks_the_log_and_undoes_no_withdrawal(tmp_path: Path, kept: int) -> None:
    log = recorded(tmp_path, (APPROVE, approval(1)), (WITHDRAW, approval(1)))
    first, second, _ = log.read_bytes().split(b"\n")
    log.write_bytes(first + b"\n" + second[:kept])
    before = log.read_bytes()
    with pytest.raises(AuditBroken, match="line 2, the last one, is not whole"):
        read_approvals(tmp_path)
    with pytest.raises(AuditBroken):
        record(tmp_path, APPROVE, approval(3))
    assert log.read_bytes() == before


def test_a_last_entry_counts_without_its_newline_and_the_next_one_follows_it(tmp_path: Path) -> None:
    log = recorded(tmp_path, (APPROVE, approval(1)), (WITHDRAW, approval(1)))
    log.write_bytes(log.read_bytes().removesuffix(b"\n"))
    assert read_approvals(tmp_path) == {}
    record(tmp_path, APPROVE, approval(3))
    assert [json.loads(line)["subject"] for line in log.read_text().splitlines()] == ["chest/1", "chest/1", "chest/3"]
    assert read_approvals(tmp_path)["chest"].version == 3


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = recorded(tmp_path, (APPROVE, approval(1)))
    before = log.read_bytes()

    def writes_a_part(file: RawIOBase, data: bytes) -> None:
        file.write(data[:50])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(approvals, "_write_all", writes_a_part)
    with pytest.raises(ConfigurationError, match="No space left on device; nothing was recorded"):
        record(tmp_path, WITHDRAW, approval(1))
    assert log.read_bytes() == before


def test_a_log_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(ConfigurationError, match=r"audit\.jsonl cannot be read: Is a directory"):
        read_approvals(tmp_path)


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written: No such file"), only_writer(tmp_path / "none"):
        pass


def _approve_often(folder: Path) -> None:
    for number in range(20):
        with only_writer(folder):
            record(folder, APPROVE, approval(number))


def test_two_processes_that_approve_at_once_leave_one_chain(tmp_path: Path) -> None:
    workers = [multiprocessing.get_context("fork").Process(target=_approve_often, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(read_audit(tmp_path)) == 40
