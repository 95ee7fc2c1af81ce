"""Migrations make what the tables say, once, whoever comes first, and refuse what they do not know."""

import re
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from data_schemas.audit_chain import check_chain
from data_schemas.errors import ConfigurationError
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.storage.audit_log import read_log
from serving.gateway.storage.database import make_engine, parsed_url
from serving.gateway.storage.schema_version import HEAD, alembic_config, current_revision, migrate, require_head
from serving.gateway.storage.store import Store
from serving.gateway.storage.tables import Base
from tests.serving.gateway.postgresql import PASSWORD
from tests.serving.gateway.storage.examples import READER, START, add_case, prediction, served_image


@pytest.fixture
def url(empty_database_url):
    return parsed_url(empty_database_url)


@pytest.fixture
def engine(url):
    made = make_engine(url)
    yield made
    made.dispose()


def differences(engine):
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


def test_migrations_make_exactly_the_tables(url, engine):
    assert len(differences(engine)) > len(Base.metadata.tables)  # an empty database lacks tables and indexes
    assert migrate(url) == (None, HEAD)
    assert differences(engine) == []
    assert current_revision(engine) == HEAD


def test_a_column_that_no_migration_made_is_found(url, engine):
    migrate(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE cases ADD COLUMN forgotten TEXT"))
        connection.execute(text("DROP INDEX ix_served_case_id"))
    assert [one[0] for one in differences(engine)] == ["remove_column", "add_index"]


def test_down_and_up_again(url, engine):
    migrate(url)
    assert migrate(url, "base") == (HEAD, None)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert migrate(url) == (None, HEAD)
    assert differences(engine) == []


def test_the_head_that_is_told_is_the_newest_migration(engine):
    with engine.connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD


def test_several_gateways_that_start_at_once_migrate_once(empty_database_url, tmp_path, engine):
    failures = []

    def start():
        try:
            Store.open(empty_database_url, str(tmp_path / "images")).close()
        except Exception as error:  # noqa: BLE001  # whatever it was, the test names it
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and differences(engine) == []


def test_a_migration_that_fails_leaves_nothing(url, engine, monkeypatch):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE audit (number INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        migrate(url)
    assert inspect(engine).get_table_names() == ["audit"]


def test_a_database_of_a_newer_version_is_refused(url, engine, empty_database_url, tmp_path):
    migrate(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="revision 9999, which this Radflow does not know"):
        migrate(url)
    with pytest.raises(ConfigurationError, match="at revision 9999"):
        require_head(engine)
    with pytest.raises(ConfigurationError, match="9999"):
        Store.open(empty_database_url, str(tmp_path / "images"))


def test_an_operator_may_migrate_by_hand(empty_database_url, tmp_path, url):
    with pytest.raises(ConfigurationError, match=r"has no tables.*radflow storage migrate"):
        Store.open(empty_database_url, str(tmp_path / "images"), migrated=False)
    migrate(url)
    Store.open(empty_database_url, str(tmp_path / "images"), migrated=False).close()


def test_on_postgresql_the_gateway_needs_no_right_to_change_the_log_or_the_tables(postgresql_server, tmp_path):
    name = postgresql_server.new_database()
    migrate(parsed_url(postgresql_server.url(name)))
    page = (Path(__file__).parents[4] / "docs/storage.md").read_text(encoding="utf-8")
    for statement in re.findall(r"^(?:CREATE ROLE|GRANT|REVOKE) [^;]+;", page, re.MULTILINE):
        postgresql_server.execute(statement, name)
    url = postgresql_server.url(name).replace(f"radflow:{PASSWORD}", "radflow_gateway:CHANGE-ME")
    store = Store.open(url, str(tmp_path / "images"), migrated=False)
    case_id = add_case(store, READER, expires_at=START)
    case = store.cases.get(case_id, READER)
    store.predictions.add(case_id, READER, prediction(case), [served_image(case)])
    store.feedback.add(case_id, READER, FeedbackRequest(kind="agree"))
    store.mark_exported([case_id], READER)
    assert store.purge(START + timedelta(days=400)).cases == 1
    store.cases.delete(add_case(store, READER), READER)
    assert check_chain(read_log(url)).number == 8
    for forbidden in ("DELETE FROM audit", "UPDATE audit SET actor = ''", "TRUNCATE audit", "DROP TABLE audit",
                      "ALTER TABLE audit DISABLE TRIGGER ALL", "SET session_replication_role = replica"):  # fmt: skip
        with pytest.raises(DBAPIError, match=r"42501|must be"), store._database.engine.begin() as connection:
            connection.execute(text(forbidden))
    store.close()


def test_a_database_that_is_up_to_date_is_opened_without_alembic(tmp_path):
    words = [f"sqlite:///{tmp_path}/gateway.db", str(tmp_path / "images")]
    script = (
        "import sys; from serving.gateway.storage.store import Store; "
        f"Store.open(*{words!r}); print('alembic' in sys.modules, 'tensorflow' in sys.modules)"
    )
    said = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True False", "False False"]
