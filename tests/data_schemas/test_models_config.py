"""models.config: TensorFlow Serving's own message reads it; it says what folder and approvals say, a step at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from data_schemas.approvals import APPROVE, WITHDRAW, Approval, record
from data_schemas.digests import write_digests
from data_schemas.errors import AuditBroken, ConfigurationError
from data_schemas.models_config import (
    SETTLE_S,
    Said,
    model_folders,
    next_step,
    read_models_config,
    render_models_config,
    settle_models_config,
    write_models_config,
)
from tests.data_schemas.test_approvals import approval as an_approval

NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=30)
LABELS = st.dictionaries(st.sampled_from(["candidate", "approved"]), st.integers(1, 4))


def approval(version: int, **changes) -> Approval:
    """Returns an approval of a version that `serving` makes."""
    sums = f"{hashlib.sha256().hexdigest()}  saved_model.pb\n"
    return an_approval(version, **({"digest": hashlib.sha256(sums.encode()).hexdigest()} | changes))


def parsed(text: str):
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config


def told(root: Path) -> dict[str, tuple[dict[str, int], list[int]]]:
    """Returns by model the labels and the versions that the file has."""
    configs = parsed((root / "models.config").read_text())
    return {one.name: (dict(one.version_labels), list(one.model_version_policy.specific.versions)) for one in configs}


def serving(root: Path, **models: list[int]) -> Path:
    for name, numbers in models.items():
        for number in numbers:
            (root / name / str(number)).mkdir(parents=True)
            (root / name / str(number) / "saved_model.pb").touch()
    return root


def age(root: Path, seconds: float = SETTLE_S) -> None:
    """Makes the file as old as that."""
    then = time.time() - seconds
    os.utime(root / "models.config", (then, then))


def test_the_newest_version_is_the_candidate_and_alone_is_loaded(tmp_path: Path) -> None:
    assert write_models_config(serving(tmp_path, chest=[1, 2, 10]))
    (config,) = parsed((tmp_path / "models.config").read_text())
    assert (config.name, config.base_path, config.model_platform) == ("chest", str(tmp_path / "chest"), "tensorflow")
    assert told(tmp_path) == {"chest": ({"candidate": 10}, [10])}


def test_the_approved_version_stays_loaded_beside_the_newest(tmp_path: Path) -> None:
    record(serving(tmp_path, chest=[1, 2, 3]), APPROVE, approval(1))
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 3, "approved": 1}, [1, 3])}


def test_the_newest_version_has_both_labels_once_it_is_approved(tmp_path: Path) -> None:
    write_models_config(serving(tmp_path, chest=[1, 2]))
    record(tmp_path, APPROVE, approval(2))
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 2, "approved": 2}, [2])}


def test_an_approved_version_that_was_removed_has_no_label(tmp_path: Path) -> None:
    record(serving(tmp_path, chest=[2]), APPROVE, approval(1))
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 2}, [2])}


def test_a_model_that_has_the_number_of_an_approved_one_is_not_approved(tmp_path: Path) -> None:
    record(serving(tmp_path, chest=[1, 2]), APPROVE, approval(2))
    write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 2, "approved": 2}, [2])}
    (tmp_path / "chest" / "2" / "saved_model.pb").write_text("another model")
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 2}, [2])}


def test_the_sums_tell_what_was_approved_and_no_large_file_is_read(tmp_path: Path) -> None:
    write_digests(serving(tmp_path, chest=[1]) / "chest" / "1")
    record(tmp_path, APPROVE, approval(1))
    (tmp_path / "chest" / "1" / "saved_model.pb").write_text("servers and `radflow verify` find this")
    write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 1, "approved": 1}, [1])}
    write_digests(tmp_path / "chest" / "1")
    write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 1}, [1])}
    (tmp_path / "chest" / "1" / "assets.extra" / "SHA256SUMS").write_text("no sums")
    write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 1}, [1])}


def test_every_model_is_listed_and_nothing_else_that_lies_there(tmp_path: Path) -> None:
    serving(tmp_path, ct=[1], chest=[1], empty=[])
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden" / "1").mkdir(parents=True)
    (tmp_path / "audit.jsonl").touch()
    (tmp_path / "chest" / ".pushing-7").mkdir()
    write_models_config(tmp_path)
    assert list(told(tmp_path)) == ["chest", "ct"]
    assert model_folders(tmp_path / "none") == []


def test_a_version_folder_with_leading_zeros_counts_by_its_number(tmp_path: Path) -> None:
    serving(tmp_path, chest=["007"])
    write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 7}, [7])}


def test_a_pushed_version_is_listed_first_and_has_the_label_after_servers_had_time_to_load_it(tmp_path: Path) -> None:
    write_models_config(serving(tmp_path, chest=[1]))
    age(tmp_path)
    serving(tmp_path, chest=[2])
    assert not write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 1}, [1, 2])}
    assert not write_models_config(tmp_path), "too early"
    assert told(tmp_path) == {"chest": ({"candidate": 1}, [1, 2])}
    age(tmp_path)
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 2}, [2])}


def test_a_file_that_would_stay_as_it_is_keeps_its_time(tmp_path: Path) -> None:
    write_models_config(serving(tmp_path, chest=[1]))
    age(tmp_path, 20)
    before = (tmp_path / "models.config").stat().st_mtime_ns
    write_models_config(tmp_path)
    assert (tmp_path / "models.config").stat().st_mtime_ns == before


def test_to_go_back_the_old_version_is_loaded_first(tmp_path: Path) -> None:
    record(serving(tmp_path, chest=[1, 2, 3]), APPROVE, approval(2))
    write_models_config(tmp_path)
    age(tmp_path)
    record(tmp_path, APPROVE, approval(1))
    assert not write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 3, "approved": 2}, [1, 2, 3])}
    age(tmp_path)
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 3, "approved": 1}, [1, 3])}


def test_a_withdrawn_label_goes_at_once_and_comes_back_elsewhere_only_after_servers_know(tmp_path: Path) -> None:
    record(serving(tmp_path, chest=[1, 2, 3]), APPROVE, approval(1))
    write_models_config(tmp_path)
    age(tmp_path)
    now = datetime.now(timezone.utc)
    record(tmp_path, WITHDRAW, approval(1, at=now))
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 3}, [3])}
    record(tmp_path, APPROVE, approval(2, at=now))
    assert not write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 3}, [2, 3])}, "not even the withdrawn version is approved"
    assert write_models_config(tmp_path, now=time.time() + SETTLE_S)
    assert told(tmp_path) == {"chest": ({"candidate": 3, "approved": 2}, [2, 3])}


def test_a_version_that_has_a_label_and_was_removed_from_the_disk_loses_it(tmp_path: Path) -> None:
    write_models_config(serving(tmp_path, chest=[1]))
    shutil.rmtree(tmp_path / "chest" / "1")
    serving(tmp_path, chest=[2])
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 2}, [2])}


def test_settling_waits_until_the_file_is_old_enough_and_moves_the_label(tmp_path: Path) -> None:
    write_models_config(serving(tmp_path, chest=[1]))
    serving(tmp_path, chest=[2])
    write_models_config(tmp_path)
    clock, waited = [time.time()], []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += seconds

    settle_models_config(tmp_path, sleep=sleep, clock=lambda: clock[0])
    assert told(tmp_path) == {"chest": ({"candidate": 2}, [2])}
    assert sum(waited) == pytest.approx(SETTLE_S, abs=1)
    settle_models_config(tmp_path, sleep=sleep, clock=lambda: clock[0])
    assert sum(waited) == pytest.approx(SETTLE_S, abs=1), "there is nothing left to wait for"


def test_settling_ends_also_where_the_clock_was_set_back_since_the_file_was_written(tmp_path: Path) -> None:
    root = serving(tmp_path, chest=[1])
    write_models_config(root)
    serving(tmp_path, chest=[2])
    write_models_config(root)
    age(root, -365 * 24 * 3600)
    now, waits = time.time(), []

    def sleep(seconds: float) -> None:
        nonlocal now
        waits.append(seconds)
        now += seconds
        assert len(waits) < 5, "it waits for the clock to come back"

    settle_models_config(root, sleep=sleep, clock=lambda: now)
    assert told(root)["chest"][0] == {"candidate": 2}
    assert SETTLE_S <= sum(waits) < 2 * SETTLE_S


def test_settling_where_nothing_is_served_does_nothing(tmp_path: Path) -> None:
    settle_models_config(tmp_path / "none")
    assert not (tmp_path / "none").exists()


class Server:
    """What TensorFlow Serving does with a file: labels are checked before anything is loaded (server_core.cc)."""

    def __init__(self) -> None:
        self.loaded: frozenset[int] = frozenset()
        self.labels: dict[str, int] = {}

    def takes(self, said: Said) -> bool:
        moved = [label for label, version in said.labels.items() if self.labels.get(label, version) != version]
        if any(said.labels[label] not in self.loaded for label in moved):
            return False
        self.labels, self.loaded = dict(said.labels), said.versions
        return True


@given(
    events=st.lists(st.tuples(st.integers(0, 70), LABELS), min_size=1, max_size=8),
    phase=st.integers(0, int(SETTLE_S) - 2),
)
def test_a_server_that_polls_often_enough_refuses_no_file_and_ends_with_what_was_wanted(events, phase: int) -> None:
    """Somebody wants other labels now and then, and writes what may be written; every 5 s somebody settles the rest."""
    poll = int(SETTLE_S) - 1
    begins = {sum(wait for wait, _ in events[: place + 1]): labels for place, (_, labels) in enumerate(events)}
    said, written, wanted, server = Said(), 0, dict[str, int](), Server()
    dropped: dict[str, tuple[int, int]] = {}
    for second in range(max(begins) + 3 * int(SETTLE_S)):
        if second in begins or second % 5 == 0:
            wanted = begins.get(second, wanted)
            dropped |= {one: (second, was) for one, was in said.labels.items() if one not in wanted}
            lately = {one: was for one, (when, was) in dropped.items() if second - when < SETTLE_S}
            step = next_step(said, wanted, dropped=lately, settled=second - written >= SETTLE_S)
            said, written = step, (second if step != said else written)
        if second % poll == phase:
            assert server.takes(said)
    assert said.labels == server.labels == wanted
    assert said.versions == frozenset(wanted.values())


@given(name=NAMES, labels=LABELS, extra=st.sets(st.integers(0, 2**63 - 1)))
def test_any_name_labels_and_versions_are_read_back_by_both_readers(name: str, labels, extra: set[int]) -> None:
    said = {name: Said(frozenset({*labels.values(), *extra, 1}), labels)}
    text = render_models_config(Path("/srv"), said)
    (config,) = parsed(text)
    assert (config.name, config.base_path) == (name, f"/srv/{name}")
    assert dict(config.version_labels) == labels
    assert set(config.model_version_policy.specific.versions) == said[name].versions
    assert read_models_config(text) == said


@given(text=st.text(max_size=300))
def test_a_file_that_somebody_else_wrote_says_nothing(text: str) -> None:
    assert read_models_config(text) == {}


def test_it_is_written_from_the_folder_and_the_log_and_leaves_nothing_beside(tmp_path: Path) -> None:
    serving(tmp_path, chest=[1, 2])
    record(tmp_path, APPROVE, approval(1))
    assert write_models_config(tmp_path)
    assert told(tmp_path) == {"chest": ({"candidate": 2, "approved": 1}, [1, 2])}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["audit.jsonl", "chest", "models.config"]


def test_a_broken_log_leaves_what_was_written_before(tmp_path: Path) -> None:
    serving(tmp_path, chest=[1])
    write_models_config(tmp_path)
    before = (tmp_path / "models.config").read_text()
    serving(tmp_path, ct=[1])
    (tmp_path / "audit.jsonl").write_text("x\n")
    with pytest.raises(AuditBroken):
        write_models_config(tmp_path)
    assert (tmp_path / "models.config").read_text() == before


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.config cannot be written: No such file"):
        write_models_config(tmp_path / "none")
