"""A store on an empty database, SQLite's and PostgreSQL's in turn, and an empty folder."""

import shutil

import pytest

from serving.gateway.storage.database import parsed_url
from serving.gateway.storage.schema_version import migrate
from serving.gateway.storage.store import Store
from serving.gateway.storage.tables import Base
from tests.serving.gateway.postgresql import running_server
from tests.serving.gateway.storage.examples import READER, Clock, add_case, new_image


@pytest.fixture(scope="session")
def postgresql_server():
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_database(postgresql_server):
    """The name of a database with the gateway's tables."""
    name = postgresql_server.new_database()
    migrate(parsed_url(postgresql_server.url(name)))
    return name


@pytest.fixture
def postgresql_url(postgresql_server, migrated_database):
    """A database with empty tables; they are emptied after each test, which is faster than making them anew."""
    yield postgresql_server.url(migrated_database)
    tables = ", ".join(Base.metadata.tables)
    postgresql_server.execute(f"SET session_replication_role = replica; TRUNCATE {tables}", migrated_database)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A database file with the gateway's tables."""
    file = tmp_path_factory.mktemp("migrated") / "gateway.db"
    migrate(parsed_url(f"sqlite:///{file}"))
    return file


@pytest.fixture
def sqlite_url(tmp_path, migrated_file):
    (tmp_path / "database").mkdir(mode=0o700)
    shutil.copy(migrated_file, tmp_path / "database" / "gateway.db")
    return f"sqlite:///{tmp_path}/database/gateway.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def empty_database_url(request, database_url, tmp_path):
    """A database without tables."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/empty/gateway.db"
    server = request.getfixturevalue("postgresql_server")
    return server.url(server.new_database())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def images(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def store(database_url, images, clock):
    opened = Store.open(database_url, str(images), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def case_id(store):
    return add_case(store, READER, new_image(), new_image(b"second", file=2))
