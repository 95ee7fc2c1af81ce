"""`radflow storage` purges and migrates a gateway's storage from outside."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest

from cli.main import main
from serving.gateway.principal import Principal
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.storage.schema_version import HEAD
from serving.gateway.storage.store import Store
from tests.serving.gateway.storage.examples import add_case

READER = Principal("reader-of-chest", "reader", "chest", "api_key")


@pytest.fixture
def data(tmp_path):
    """The data folder of a gateway with a case whose time is over, read and never exported, and one that stays."""
    folder = tmp_path / "gateway"
    store = Store.open(f"sqlite:///{folder}/gateway.db", str(folder / "images"))
    now = datetime.now(timezone.utc)
    for days in (-1, 1):
        case_id = add_case(store, READER, expires_at=now + timedelta(days=days))
        store.feedback.add(case_id, READER, FeedbackRequest(kind="agree"))
    store.close()
    return folder


def cases(data):
    with closing(sqlite3.connect(data / "gateway.db")) as connection, connection:
        return connection.execute("SELECT count(*) FROM cases").fetchone()[0]


def test_a_dry_run_says_what_would_go_and_removes_nothing(data, capsys):
    assert main(["storage", "purge", "--dry-run", "--data", str(data)]) == 0
    output = capsys.readouterr().out
    assert "1 cases whose time is over, with 1 images (9 bytes): would be removed" in output
    assert "1 of the cases had feedback that was never exported" in output
    assert cases(data) == 2


def test_a_purge_removes_what_is_over_and_is_audited(data, capsys):
    assert main(["storage", "purge", "--data", str(data)]) == 0
    assert "1 cases whose time is over, with 1 images (9 bytes): removed" in capsys.readouterr().out
    assert cases(data) == 1
    main(["audit", "list", "--action", "purge", "--data", str(data)])
    assert "radflow storage purge" in capsys.readouterr().out
    assert main(["storage", "purge", "--data", str(data)]) == 0
    assert "0 cases" in capsys.readouterr().out


def test_a_purge_of_nothing_is_no_purge(tmp_path, capsys):
    assert main(["storage", "purge", "--data", str(tmp_path / "typo")]) == 2
    assert "there is no database" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_a_purge_with_the_images_of_another_database_is_refused(data, tmp_path, capsys):
    other = tmp_path / "other"
    Store.open(f"sqlite:///{other}/gateway.db", str(other / "images")).close()
    words = ["storage", "purge", "--database", f"sqlite:///{data}/gateway.db", "--images", str(other / "images")]
    assert main(words) == 2
    assert "belongs to another database" in capsys.readouterr().err
    assert cases(data) == 2


def test_migrate_makes_the_tables_and_says_so_once(tmp_path, capsys):
    assert main(["storage", "migrate", "--data", str(tmp_path)]) == 0
    assert f"was brought from no tables, revision {HEAD}" in capsys.readouterr().out
    assert main(["storage", "migrate", "--data", str(tmp_path)]) == 0
    assert f"is up to date, revision {HEAD}" in capsys.readouterr().out


def test_a_database_of_another_version_is_not_purged(data, capsys):
    with closing(sqlite3.connect(data / "gateway.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert main(["storage", "purge", "--data", str(data)]) == 2
    assert "at revision 9999" in capsys.readouterr().err
    assert main(["storage", "migrate", "--data", str(data)]) == 2
    assert "which this Radflow does not know" in capsys.readouterr().err


def test_a_gateway_whose_database_is_away_or_old_says_so_and_ends(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RADFLOW_GATEWAY_DATA_FOLDER", str(tmp_path))
    monkeypatch.setenv("RADFLOW_GATEWAY_MIGRATE", "false")
    # Other tests' gateways are in this process, and would log to what this test captures, after its end.
    monkeypatch.setattr("serving.gateway.observability.logs.configure_logs", lambda: None)
    assert main(["gateway", "--port", "0"]) == 2
    assert "has no tables" in capsys.readouterr().err
    monkeypatch.setenv("RADFLOW_GATEWAY_DATABASE_URL", "postgresql+pg8000://radflow:s3cret@127.0.0.1:1/gateway")
    assert main(["gateway", "--port", "0"]) == 1
    told = capsys.readouterr().err
    assert "the database is away" in told and "s3cret" not in told


def test_a_database_that_is_away_is_told(capsys):
    words = ["--database", "postgresql+pg8000://radflow:s3cret@127.0.0.1:1/gateway"]
    assert main(["storage", "migrate", *words]) == 1
    assert main(["storage", "purge", *words]) == 1
    told = capsys.readouterr().err
    assert told.count("the database is away") == 2 and "s3cret" not in told
