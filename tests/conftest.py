"""Keeps TensorFlow's start-up quiet, before any test module imports it, and every test off the user's files."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path, monkeypatch):
    """Keeps logs and keys that a test causes out of the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
