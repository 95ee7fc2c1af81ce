"""A database that is away or locked is a problem to try again later; a wrong URL stops at once."""

import ipaddress
import sqlite3
import stat
import time
from datetime import datetime, timedelta, timezone

import pg8000
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from data_schemas.errors import ConfigurationError
from serving.gateway.problems import UNAVAILABLE, ProblemError
from serving.gateway.storage.database import Database, parsed_url
from serving.gateway.storage.image_store import ImageStore
from serving.gateway.storage.store import Store
from tests.serving.gateway.postgresql import PASSWORD, running_server, started
from tests.serving.gateway.storage.examples import READER, add_case

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def assert_unavailable(function, *arguments):
    with pytest.raises(ProblemError) as refused:
        function(*arguments)
    assert refused.value.kind == UNAVAILABLE and int(refused.value.headers["Retry-After"]) > 0


def add(store):
    return add_case(store, READER)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "cannot be read"),
        ("gateway.db", "cannot be read"),
        ("mysql://u:s3cret@host/db", "begins with mysql"),
        ("postgresql+psycopg2://u:s3cret@host/db", "begins with postgresql\\+psycopg2"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_of_no_database_is_refused_without_its_password(url, said):
    with pytest.raises(ConfigurationError, match=said) as refused:
        parsed_url(url)
    assert "s3cret" not in str(refused.value)


def test_a_postgresql_url_needs_no_driver_and_hides_its_password():
    database = Database("postgresql://radflow:s3cret@host:5433/gateway")
    assert database.shown_url == "postgresql+pg8000://radflow:***@host:5433/gateway"


@pytest.mark.parametrize(
    ("query", "said"),
    [("sslmode=yes", "sslmode=yes"), ("ssl=1", "option ssl"), ("sslmode=verify-full&sslrootcert=/none", "sslrootcert")],
)
def test_an_option_that_is_none_is_refused(query, said):
    with pytest.raises(ConfigurationError, match=said):
        Database(f"postgresql://radflow@host/gateway?{query}")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Database(f"sqlite:///{tmp_path}/file/gateway.db")


def test_sqlite_is_private_and_set_up_for_many_threads(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/own/gateway.db")
    with database.writing() as session:
        session.execute(text("CREATE TABLE t (x)"))
        settings = [
            session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "secure_delete", "busy_timeout")
        ]
    assert settings == ["wal", 1, 2, 1, 10_000]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "own").iterdir()}
    assert set(modes.values()) == {0o600} and "gateway.db-wal" in modes
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    database.close()


def test_times_come_back_in_utc_to_the_microsecond(store, clock):
    clock.now = datetime(2026, 3, 1, 1, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
    store.audit.add(READER, "heatmap")
    (entry,) = store.audit.page().entries
    assert entry.at == datetime(2026, 2, 28, 23, 30, 1, 123_456, tzinfo=timezone.utc)
    assert entry.at.utcoffset() == timedelta()


def test_a_locked_sqlite_is_waited_for_then_unavailable_and_readers_go_on(tmp_path, sqlite_url, images):
    Store.open(sqlite_url, str(images)).close()
    store = Store(Database(sqlite_url, lock_wait_s=0.2), ImageStore(str(images)))
    case_id = add(store)
    locker = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert_unavailable(add, store)
    assert 0.15 < time.monotonic() - began < 5
    assert_unavailable(store.cases.get, case_id, READER)  # an opened case is audited
    assert store.cases.page(READER).total == 1 and store.ready()
    locker.execute("ROLLBACK")
    locker.close()
    assert sum(path.is_file() for path in images.rglob("*/*")) == 2  # nothing is left of what was refused
    assert add(store)
    store.close()


@ON_POSTGRESQL
def test_a_writer_that_holds_postgresqls_lock_makes_others_wait_then_unavailable(store, postgresql_url, images):
    waiting = Store(Database(postgresql_url, lock_wait_s=0.2), ImageStore(str(images)))
    case_id = add(waiting)
    holder = Database(postgresql_url)
    with holder.writing():
        assert_unavailable(add, waiting)
        assert_unavailable(waiting.cases.get, case_id, READER)
        assert waiting.cases.page(READER).total == 1
    assert waiting.cases.page(READER).total == 1 and add(waiting)
    holder.close()
    waiting.close()


def test_more_threads_than_connections_wait_then_are_unavailable(store, monkeypatch):
    database = store._database
    database.engine.pool._timeout = 0.1
    held = [database.engine.connect() for _ in range(40)]
    assert_unavailable(store.cases.page, READER)
    assert not store.ready()
    for connection in held:
        connection.close()
    assert store.ready()


def test_postgresql_goes_away_and_comes_back(tmp_path):
    with running_server("synchronous_commit=on") as server:
        store = Store.open(server.url(), str(tmp_path / "images"))
        case_id = add(store)
        server.stop()
        for ask in (
            lambda: add(store),
            lambda: store.cases.page(READER),
            lambda: store.cases.get(case_id, READER),
            store.purge,
        ):
            assert_unavailable(ask)
        assert not store.ready()
        assert_unavailable(Store.open, server.url(), str(tmp_path / "images"))
        with started(server.folder, port=server.port):
            assert store.ready() and store.cases.get(case_id, READER).id == case_id
        store.close()
    assert len([path for path in (tmp_path / "images").rglob("*/*") if path.is_file()]) == 2


@ON_POSTGRESQL
def test_a_connection_that_the_server_cut_is_opened_anew(store, postgresql_url, postgresql_server, database_url):
    case_id = add(store)
    postgresql_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'radflow-gateway'"
    )
    assert store.cases.get(case_id, READER).id == case_id


@ON_POSTGRESQL
def test_a_pooled_connection_that_was_reset_is_opened_anew(store, database_url, monkeypatch):
    case_id, execute = add(store), pg8000.Cursor.execute
    resets = [ConnectionResetError(104, "Connection reset by peer")]

    def reset_once(cursor, *arguments, **options):
        if resets:
            raise resets.pop()
        return execute(cursor, *arguments, **options)

    monkeypatch.setattr(pg8000.Cursor, "execute", reset_once)
    assert store.cases.get(case_id, READER).id == case_id and not resets


def test_a_wrong_password_or_database_is_unavailable_and_not_repeated(postgresql_server):
    for wrong in (
        postgresql_server.url().replace(PASSWORD, "s3cret"),
        postgresql_server.url("no_such_database"),
        postgresql_server.url(query="?sslmode=require"),  # this server has no TLS
    ):
        with pytest.raises(ProblemError) as refused:
            Store.open(wrong, "memory://images")
        assert refused.value.kind == UNAVAILABLE and "s3cret" not in refused.value.detail


def self_signed(folder):
    """Writes a certificate for 127.0.0.1 that is its own authority, and its key, under PostgreSQL's names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "radflow test")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))


def is_encrypted(url):
    database = Database(url)
    with database.reading() as session:
        found = session.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar()
    database.close()
    return found


def test_a_certificate_is_checked_as_libpq_does(tmp_path):
    self_signed(tmp_path)
    authority = tmp_path / "server.crt"
    with running_server("ssl=on", files=[authority, tmp_path / "server.key"]) as server:
        checked = [f"?sslmode={mode}&sslrootcert={authority}" for mode in ("verify-ca", "verify-full")]
        assert [is_encrypted(server.url(query=query)) for query in ("?sslmode=require", *checked)] == [True] * 3
        assert is_encrypted(server.url()) and not is_encrypted(server.url(query="?sslmode=disable"))
        assert_unavailable(Store.open, server.url(query="?sslmode=verify-full"), "memory://images")
        other_name = server.url(query=checked[1]).replace("127.0.0.1", "localhost")
        assert_unavailable(Store.open, other_name, "memory://images")
        assert is_encrypted(server.url(query=checked[0]).replace("127.0.0.1", "localhost"))
