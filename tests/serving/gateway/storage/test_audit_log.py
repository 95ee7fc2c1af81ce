"""The audit log is a chain under concurrency, and neither database lets an entry be changed or removed."""

import multiprocessing
import threading
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from data_schemas.audit_chain import check_chain
from data_schemas.errors import AuditBroken, ConfigurationError
from serving.gateway.storage.audit_log import read_log
from serving.gateway.storage.database import make_engine, parsed_url
from serving.gateway.storage.store import Store
from tests.serving.gateway.storage.examples import ADMIN, READER, START, add_case

THREADS, EACH = 8, 3


def use(url, images, failures):
    """Adds cases and entries from several threads at once, as one process of a gateway."""
    store = Store.open(url, images)

    def work():
        try:
            for turn in range(EACH):
                store.audit.add(READER, "heatmap", "subject", {"turn": turn, "share": 0.1})
                case_id = add_case(store, READER)
                store.cases.get(case_id, READER)
        except Exception as error:  # noqa: BLE001  # whatever it was, the test names it
            failures.put(repr(error))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


def test_two_processes_of_eight_threads_write_one_chain_and_numbers_without_a_gap(store, database_url, images):
    context = multiprocessing.get_context("fork")
    failures = context.SimpleQueue()
    processes = [context.Process(target=use, args=(database_url, str(images), failures)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert failures.empty() and [process.exitcode for process in processes] == [0, 0]
    entries = list(read_log(database_url))
    cases = 2 * THREADS * EACH
    assert check_chain(entries).number == len(entries) == 3 * cases
    numbers = [entry.details["number"] for entry in entries if entry.action == "upload"]
    assert numbers == list(range(1, cases + 1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE number = 1",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit",
    ],
)
def test_no_entry_is_changed_or_removed(store, database_url, case_id, statement):
    before = list(read_log(database_url))
    assert_refused(database_url, statement)
    assert list(read_log(database_url)) == before != []


def test_no_entry_is_replaced(store, sqlite_url, request):
    if request.node.callspec.params["database_url"] == "postgresql":
        assert_refused(request.getfixturevalue("postgresql_url"), "TRUNCATE audit")
        return
    store.audit.add(READER, "heatmap")
    values = "SELECT 1, at, 'nobody', action, subject, details, previous, hash FROM audit"
    assert_refused(sqlite_url, f"INSERT OR REPLACE INTO audit {values}")


def assert_refused(url, statement):
    engine = make_engine(parsed_url(url))
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(statement))
    engine.dispose()


def test_pages_of_the_log_follow_each_other(store):
    for turn in range(5):
        store.audit.add(ADMIN, "heatmap", str(turn))
    first = store.audit.page(limit=2)
    second = store.audit.page(after=first.next, limit=2)
    third = store.audit.page(after=second.next, limit=2)
    found = [entry.subject for page in (first, second, third) for entry in page.entries]
    assert found == ["0", "1", "2", "3", "4"] and third.next is None
    assert store.audit.page(after=5).entries == [] and store.audit.page(limit=5).next is None


def test_entries_say_who_when_and_what(store, clock):
    store.audit.add(None, "refused", "", {"status": 401})
    store.audit.add(ADMIN, "heatmap", "a" * 32, {"finding": "pneumonia"})
    first, second = store.audit.page().entries
    assert (first.actor, first.action, first.details) == ("anonymous", "refused", {"status": 401})
    assert (second.actor, second.subject) == ("admin", "a" * 32)
    assert (first.at, second.at) == (START + timedelta(seconds=1), START + timedelta(seconds=2))


def test_what_a_superuser_changed_is_found(store, database_url, case_id):
    store.cases.get(case_id, READER)
    store.close()
    engine = make_engine(parsed_url(database_url))
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        # Whoever owns a database can switch its triggers off: that is what the hashes are for.
        connection.execute(text("DROP TRIGGER audit_no_update" if sqlite else "SET session_replication_role = replica"))
        connection.execute(text("UPDATE audit SET actor = 'nobody' WHERE number = 2"))
    engine.dispose()
    with pytest.raises(AuditBroken, match="entry 2 was changed"):
        check_chain(read_log(database_url))


def test_an_entry_that_cannot_be_read_is_a_broken_chain(store, sqlite_url, request):
    if request.node.callspec.params["database_url"] == "postgresql":
        pytest.skip("PostgreSQL keeps no JSON that is none")
    store.audit.add(READER, "heatmap")
    engine = make_engine(parsed_url(sqlite_url))
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("UPDATE audit SET details = '{'"))
    engine.dispose()
    with pytest.raises(AuditBroken, match="after 0 cannot be read"):
        list(read_log(sqlite_url))


def test_a_database_without_a_log_is_told(empty_database_url, tmp_path):
    if empty_database_url.startswith("sqlite"):
        engine = make_engine(parsed_url(empty_database_url))
        engine.connect().close()
        engine.dispose()
    with pytest.raises(ConfigurationError, match="has no audit log"):
        list(read_log(empty_database_url))


def test_a_file_that_is_no_database_is_told_and_one_that_is_missing_is_not_made(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no database"):
        list(read_log(f"sqlite:///{tmp_path}/none.db"))
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("this is no database, but a text that is long enough to be looked at" * 20)
    with pytest.raises(ConfigurationError, match="it is none, or it is damaged"):
        list(read_log(f"sqlite:///{tmp_path}/text.db"))
