"""A store on an empty database and an empty folder."""

import pytest

from serving.gateway.storage.store import Store
from tests.serving.gateway.storage.examples import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database_url(tmp_path):
    return f"sqlite:///{tmp_path}/database/gateway.db"


@pytest.fixture
def store(database_url, tmp_path, clock):
    opened = Store.open(database_url, str(tmp_path / "images"), clock=clock)
    yield opened
    opened.close()
