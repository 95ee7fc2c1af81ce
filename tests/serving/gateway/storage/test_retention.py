"""A purge removes what is over, and nothing else."""

import os
import sqlite3
import threading
from datetime import timedelta

import pytest

from data_schemas.audit_chain import check_chain
from serving.gateway.problems import ProblemError
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.storage import retention
from serving.gateway.storage.audit_log import read_log
from serving.gateway.storage.image_store import ImageStore
from serving.gateway.storage.retention import Purged
from serving.gateway.storage.store import Store
from tests.serving.gateway.storage.examples import ADMIN, READER, START, add_case, new_image, prediction, served_image

DAY = timedelta(days=1)


def add(store, *, days=30, data=b"DICM file"):
    expires_at = None if days is None else START + days * DAY
    return add_case(store, READER, new_image(data), expires_at=expires_at)


def read(store, case_id, *, comment=""):
    case = store.cases.get(case_id, READER, view=False)
    made = prediction(case, at=START)
    store.predictions.add(case_id, READER, made, [served_image(case)])
    store.feedback.add(case_id, READER, FeedbackRequest(kind="agree", prediction=made.id, comment=comment))


def there(folder):
    return sorted(path.name for path in folder.rglob("*/*") if path.is_file())


def test_a_case_goes_when_its_time_is_over(store, images):
    first, second, kept = add(store, days=30), add(store, days=31), add(store, days=None)
    assert store.purge(START + 30 * DAY - timedelta(seconds=1)) == Purged()
    assert store.purge(START + 30 * DAY) == Purged(cases=1, images=1, bytes=9)
    assert [case.id for case in store.cases.page(READER, order="newest").cases] == [kept, second]
    assert store.purge(START + 9999 * DAY) == Purged(cases=1, images=1, bytes=9)
    assert [case.id for case in store.cases.page(READER).cases] == [kept] and len(there(images)) == 2
    purges = [(one.actor, one.subject, one.details) for one in store.audit.page().entries if one.action == "purge"]
    assert purges == [("retention", one, {"images": 1, "feedback_lost": False}) for one in (first, second)]


def test_all_that_belongs_to_a_case_goes_with_it_but_its_audit_entries(store, images, database_url):
    case_id = add(store)
    read(store, case_id, comment="a comment that may name somebody")
    store.purge(START + 30 * DAY)
    assert there(images) == [] and list(store.reviewed_cases()) == []
    with store._database.reading() as session:
        tables = {table: session.connection().exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
                  for table in ("cases", "images", "predictions", "feedback")}  # fmt: skip
    assert set(tables.values()) == {0}
    entries = list(read_log(database_url))
    assert [entry.action for entry in entries] == ["upload", "predict", "feedback", "purge"]
    assert check_chain(entries) == entries[-1] and "somebody" not in str(entries)


def test_a_dry_run_counts_and_removes_nothing(store, images):
    read(store, add(store))
    orphan(store, images, age=2 * 3600, now=START + 30 * DAY)
    before = there(images)
    purged = store.purge(START + 30 * DAY, dry_run=True)
    assert purged == Purged(cases=1, images=1, bytes=9, not_exported=1, orphans=1)
    assert store.cases.page(READER).total == 1 and there(images) == before
    assert store.purge(START + 30 * DAY) == purged


def test_feedback_that_was_never_exported_is_counted_and_goes_all_the_same(store):
    exported, forgotten, later = add(store), add(store), add(store)
    for case_id in (exported, forgotten, later):
        read(store, case_id)
    store.mark_exported([exported, later], ADMIN)
    store.feedback.add(later, READER, FeedbackRequest(kind="disagree"))
    purged = store.purge(START + 30 * DAY)
    assert (purged.cases, purged.not_exported) == (3, 2)
    lost = {one.subject: one.details["feedback_lost"] for one in store.audit.page().entries if one.action == "purge"}
    assert lost == {exported: False, forgotten: True, later: True}


def orphan(store, images, *, age, now, name=None):
    """Puts a file that belongs to no case, `age` seconds before `now`."""
    path = images / (name or store._image_store.put(b"orphan").name)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    moment = (now - timedelta(seconds=age)).timestamp()
    os.utime(path, (moment, moment))
    return path


def test_files_of_no_case_go_when_no_upload_can_still_want_them(store, images):
    case_id, now = add(store, days=None), START + DAY
    for path in images.rglob("*/*"):
        os.utime(path, (0, 0))  # of a case, and old
    old = orphan(store, images, age=3601, now=now)
    cut_off = orphan(store, images, age=3601, now=now, name=f"ab/ab{'0' * 30}.partial")
    young = orphan(store, images, age=3599, now=now)
    foreign = orphan(store, images, age=9999, now=now, name="ab/notes.txt")
    assert store.purge(now) == Purged(orphans=2)
    assert [path.exists() for path in (old, cut_off, young, foreign)] == [False, False, True, True]
    assert store.images.read(case_id, store.cases.get(case_id, READER).thumbnail, READER) == b"DICM file"


def test_a_file_that_cannot_be_removed_is_left_to_the_next_purge(store, images, monkeypatch):
    add(store)
    monkeypatch.setattr(ImageStore, "remove", lambda *_: False)
    assert store.purge(START + 30 * DAY) == Purged(cases=1, images=1, bytes=9, left=2)
    monkeypatch.undo()
    for path in images.rglob("*/*"):
        os.utime(path, (0, 0))
    assert store.purge(START + 30 * DAY) == Purged(orphans=2) and there(images) == []


def test_what_a_model_was_sent_outlives_its_case_for_a_year_without_its_time_of_day(store):
    read(store, add(store))
    (before,) = store.served_records("chest_model")
    store.purge(START + 30 * DAY)
    (after,) = store.served_records("chest_model")
    assert before.at == START and after.at == START.replace(hour=0)
    assert (after.features, after.scores, after.flagged) == (before.features, before.scores, before.flagged)
    assert store.purge(START + 364 * DAY).statistics == 0
    assert store.purge(START + 366 * DAY).statistics == 1 and list(store.served_records("chest_model")) == []


def test_a_deleted_case_takes_what_a_model_was_sent_with_it(store):
    case_id = add(store)
    read(store, case_id)
    store.cases.delete(case_id, READER)
    assert list(store.served_records("chest_model")) == []


def test_many_cases_go_in_several_transactions_by_two_purges_at_once(store, images, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 4)
    for _ in range(15):
        add(store)
    purges = [threading.Thread(target=store.purge, args=(START + 30 * DAY,)) for _ in range(2)]
    for one in purges:
        one.start()
    for one in purges:
        one.join()
    assert store.cases.page(READER).total == 0 and there(images) == []
    entries = [entry for entry in store.audit.page(limit=1000).entries if entry.action == "purge"]
    assert len({entry.subject for entry in entries}) == len(entries) == 15


def test_nothing_of_a_comment_is_left_in_sqlites_files(sqlite_url, images, clock, tmp_path):
    store = Store.open(sqlite_url, str(images), clock=clock)
    case_id = add(store)
    read(store, case_id, comment="Jane Doe, seen on Monday")
    held = b"".join(path.read_bytes() for path in (tmp_path / "database").iterdir())
    assert b"Jane Doe" in held
    store.purge(START + 30 * DAY)
    held = b"".join(path.read_bytes() for path in (tmp_path / "database").iterdir())
    assert b"Jane Doe" not in held
    store.close()


def test_a_purge_without_database_is_unavailable(store, sqlite_url, request):
    if request.node.callspec.params["database_url"] == "postgresql":
        pytest.skip("tests/serving/gateway/storage/test_database.py stops PostgreSQL")
    locker = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    store._database._lock_wait_s = 0.1
    with store._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 100")
    with pytest.raises(ProblemError, match="try again later"):
        store.purge(START)
    locker.close()
