"""Publishing a version: by one rename, highest plus one, once, whole; a kill at any point is mended by the next run."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from components.pusher.publish import publish, push
from data_schemas.approvals import APPROVE, WITHDRAW, only_writer, record
from data_schemas.digests import check_digests, content_digest
from data_schemas.errors import AuditBroken
from data_schemas.models_config import settle_models_config
from data_schemas.served_folder import versions
from tests.data_schemas.test_approvals import approval

ADDED = {"evaluation.json": b"{}", "tf_serving_warmup_requests": b"records"}
FORK = multiprocessing.get_context("fork")


def _model(folder: Path, content: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text(content)
    return folder


def _labels(serving_root: Path) -> dict[str, dict[str, int]]:
    message = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((serving_root / "models.config").read_text(), message)
    return {one.name: dict(one.version_labels) for one in message.model_config_list.config}


def _settled(serving_root: Path) -> dict[str, dict[str, int]]:
    """Returns the labels once servers had time to load what is listed."""
    settle_models_config(serving_root, sleep=lambda _: None, clock=lambda: time.time() + 100)
    return _labels(serving_root)


def test_the_first_version_is_1(tmp_path: Path) -> None:
    version = push(_model(tmp_path / "model", "a"), tmp_path / "serving" / "chest", {})
    assert version == tmp_path / "serving" / "chest" / "1"
    assert (version / "variables" / "variables.index").read_text() == "a"


def test_the_next_version_is_the_highest_plus_one_not_the_clock(tmp_path: Path) -> None:
    served = tmp_path / "served"
    for name in ("3", "007", "notes"):
        _model(served / name, name)
    assert publish(_model(tmp_path / "model", "b"), served, {}).name == "8"


def test_a_version_has_what_was_added_and_sums_over_all_of_it(tmp_path: Path) -> None:
    model = _model(tmp_path / "model", "a")
    (model / "assets.extra").mkdir()
    (model / "assets.extra" / "description.json").write_text("{}")
    version = push(model, tmp_path / "serving" / "chest", ADDED)
    assert {path.name for path in (version / "assets.extra").iterdir()} == {*ADDED, "description.json", "SHA256SUMS"}
    assert check_digests(version)
    assert sorted(path.name for path in (model / "assets.extra").iterdir()) == ["description.json"]


def test_a_model_that_is_served_already_keeps_its_version_and_what_was_added_to_it(tmp_path: Path) -> None:
    model, served = _model(tmp_path / "model", "a"), tmp_path / "serving" / "chest"
    first = push(model, served, ADDED)
    assert push(model, served, {"evaluation.json": b'{"other": 1}'}) == first
    assert list(versions(served)) == [1] and check_digests(first)
    assert (first / "assets.extra" / "evaluation.json").read_bytes() == b"{}"


def test_a_version_that_was_pushed_before_there_were_sums_keeps_its_number(tmp_path: Path) -> None:
    model, served = _model(tmp_path / "model", "a"), tmp_path / "serving" / "chest"
    _model(served / "1", "a")
    assert push(model, served, ADDED) == served / "1"
    assert not (served / "1" / "assets.extra").exists()
    assert _labels(served.parent) == {"chest": {"candidate": 1}}


def test_leftovers_of_a_killed_push_are_removed_and_never_served(tmp_path: Path) -> None:
    served = tmp_path / "served"
    _model(served / ".pushing-99", "half")
    assert publish(_model(tmp_path / "model", "a"), served, {}).name == "1"
    assert sorted(path.name for path in served.iterdir()) == ["1"]


def test_no_version_exists_while_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "served"
    served.mkdir()
    model = _model(tmp_path / "model", "a")
    seen: list[list[int]] = []
    copy = shutil.copytree

    def watch(source: Path, target: Path) -> None:
        copy(source, target, copy_function=lambda *names: (shutil.copy2(*names), seen.append(list(versions(served)))))

    monkeypatch.setattr("components.pusher.publish.shutil", SimpleNamespace(copytree=watch, rmtree=shutil.rmtree))
    publish(model, served, {})
    assert seen == [[], []]


def test_a_push_makes_the_version_the_candidate_and_leaves_the_approved_one(tmp_path: Path) -> None:
    served = tmp_path / "serving" / "chest"
    push(_model(tmp_path / "a", "a"), served, ADDED)
    with only_writer(served.parent):
        record(served.parent, APPROVE, approval(1, digest=content_digest(served / "1")))
    push(_model(tmp_path / "b", "b"), served, ADDED)
    assert _labels(served.parent) == {"chest": {"candidate": 1, "approved": 1}}, "2 is loaded first"
    assert _settled(served.parent) == {"chest": {"candidate": 2, "approved": 1}}


@pytest.mark.parametrize("action", [APPROVE, WITHDRAW])
def test_a_number_that_the_audit_log_names_is_not_given_again(tmp_path: Path, action: str) -> None:
    served = tmp_path / "serving" / "chest"
    push(_model(tmp_path / "a", "a"), served, ADDED)
    second = push(_model(tmp_path / "b", "b"), served, ADDED)
    record(served.parent, action, approval(2, digest=content_digest(second)))
    record(served.parent, APPROVE, approval(7, "ct"))
    shutil.rmtree(second)
    assert push(_model(tmp_path / "c", "c"), served, ADDED) == served / "3"
    assert _settled(served.parent) == {"chest": {"candidate": 3}}


def test_a_broken_audit_log_stops_a_push_before_anything_is_published(tmp_path: Path) -> None:
    served = tmp_path / "serving" / "chest"
    push(_model(tmp_path / "a", "a"), served, ADDED)
    (served.parent / "audit.jsonl").write_text("{}\n")
    with pytest.raises(AuditBroken):
        push(_model(tmp_path / "b", "b"), served, ADDED)
    assert list(versions(served)) == [1]


def _killed_at(number: int, work: Callable[[], object]) -> int | None:
    """Runs work in a process that is killed (SIGKILL) before its so-manieth file operation; None where it ended."""
    process = FORK.Process(target=_counted, args=(number, work))
    process.start()
    process.join(60)
    return process.exitcode


def _counted(number: int, work: Callable[[], object]) -> None:
    left = number

    def hook(event: str, _: object) -> None:
        nonlocal left
        if event.partition(".")[0] in ("open", "os", "shutil", "fcntl"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    work()


def test_a_kill_at_any_file_operation_leaves_whole_versions_and_the_next_run_mends_the_rest(tmp_path: Path) -> None:
    first, second = _model(tmp_path / "a", "a"), _model(tmp_path / "b", "b")
    number, ended = 0, False
    while not ended:
        number += 1
        root = tmp_path / f"serving-{number}"
        push(first, root / "chest", ADDED)
        with only_writer(root):
            record(root, APPROVE, approval(1, digest=content_digest(root / "chest" / "1")))
        code = _killed_at(number, lambda root=root: push(second, root / "chest", ADDED))
        ended = code == 0
        assert ended or code == -signal.SIGKILL
        found = versions(root / "chest")
        assert set(found) in ({1}, {1, 2}) and all(check_digests(one) for one in found.values())
        assert _labels(root)["chest"]["candidate"] in found, "servers are never told of a version that is not there"
        push(second, root / "chest", ADDED)
        assert _settled(root) == {"chest": {"candidate": 2, "approved": 1}}
        assert sorted(path.name for path in (root / "chest").iterdir()) == ["1", "2"]
        assert sorted(path.name for path in root.iterdir()) == [".lock", "audit.jsonl", "chest", "models.config"]
        shutil.rmtree(root)
    assert number > 50, "there are many operations to be killed at"
