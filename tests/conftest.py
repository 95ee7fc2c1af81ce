"""Keeps libraries quiet and to one thread, before any test module imports them, and every test off the user's files."""

import os
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
# Two processes share the cores already: on small arrays, further threads of linear algebra wait more than they work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long an example takes says more of the machine's other work than of the code; what is slow has its benchmark.
settings.register_profile("radflow", deadline=None)
settings.load_profile("radflow")


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path, monkeypatch):
    """Keeps logs and keys that a test causes out of the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def bucket():
    """Returns the URL of a bucket on an object store of this machine."""
    from tests.object_store import s3_bucket

    with s3_bucket() as url:
        yield url


def pytest_addoption(parser: pytest.Parser) -> None:
    """Lets tests/serving/conformance ask a real model server instead of starting the embedded one."""
    group = parser.getgroup("conformance", "a real tensorflow_model_server, started as conformance/toy_folder.py says")
    group.addoption("--model-server", metavar="HOST:PORT", help="its gRPC port")
    group.addoption("--model-server-rest", metavar="HOST:PORT", help="its REST port")
    group.addoption("--model-server-batching", metavar="HOST:PORT", help="gRPC port of another one with batching")
    group.addoption("--model-server-folder", metavar="DIR", help="the folder that toy_folder.py wrote, on this machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the tests (`make test`), begins with what takes minutes, so that none waits for it."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("pipeline") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives each process whole files, and all that look at one run of the pipeline to the same process."""
    from tests.scheduling import FilesAndRuns

    return FilesAndRuns(config, log)
