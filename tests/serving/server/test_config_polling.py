"""The configuration file changes while the server runs."""

from __future__ import annotations

import logging
import time

import pytest
from tensorflow_serving.apis import model_pb2

from serving.server.config_file import read_model_config_file
from serving.server.config_polling import ConfigPolling
from serving.server.models import Models


class Loaded:
    def __init__(self, path):
        self.path = path

    def close(self):
        pass


def text(base, labels=""):
    return (
        f'model_config_list {{ config {{ name: "chest" base_path: "{base}" model_platform: "tensorflow" '
        f"model_version_policy {{ all {{}} }} {labels} }} }}"
    )


def label(name, version):
    return f'version_labels {{ key: "{name}" value: {version} }}'


@pytest.fixture
def base(tmp_path):
    for version in ("1", "2"):
        (tmp_path / "chest" / version).mkdir(parents=True)
    return tmp_path / "chest"


@pytest.fixture
def file(base, tmp_path):
    path = tmp_path / "models.config"
    path.write_text(text(base))
    return path


@pytest.fixture
def models(file):
    models = Models(read_model_config_file(file), Loaded)
    models.poll()
    return models


def labelled(models, name):
    with models.use(model_pb2.ModelSpec(name="chest", version_label=name)) as (version, _):
        return version


def test_a_changed_file_is_taken_over(base, file, models):
    polling = ConfigPolling(models, file, read_model_config_file(file))
    file.write_text(text(base, label("approved", 1)))
    polling.poll()
    assert labelled(models, "approved") == 1
    file.write_text(text(base, label("approved", 2)))
    polling.poll()
    assert labelled(models, "approved") == 2


def test_a_file_that_is_as_before_configures_nothing(file, models, monkeypatch):
    polling = ConfigPolling(models, file, read_model_config_file(file))
    monkeypatch.setattr(models, "configure", lambda _: pytest.fail("configured"))
    polling.poll()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda file, _: file.write_text("model_config_list {"), "ModelServerConfig as text"),
        (lambda file, base: file.write_text(text(base, label("approved", 9))), "not currently available"),
        (lambda file, _: file.unlink(), "No such file"),
    ],
    ids=["syntax", "label", "gone"],
)
def test_a_wrong_file_keeps_what_is_served_and_is_said_once(base, file, models, caplog, change, says):
    file.write_text(text(base, label("approved", 1)))
    polling = ConfigPolling(models, file, ())
    polling.poll()
    change(file, base)
    with caplog.at_level(logging.ERROR, logger="serving.server"):
        polling.poll()
        polling.poll()
    (record,) = caplog.records
    assert "what is served stays" in record.message
    assert says in record.message
    assert labelled(models, "approved") == 1


def test_a_label_is_taken_over_once_its_version_is_there(base, file, models):
    polling = ConfigPolling(models, file, read_model_config_file(file))
    file.write_text(text(base, label("candidate", 3)))
    polling.poll()
    (base / "3").mkdir()
    models.poll()
    polling.poll()
    assert labelled(models, "candidate") == 3


def test_it_polls_on_a_thread_until_it_is_closed(base, file, models):
    polling = ConfigPolling(models, file, read_model_config_file(file))
    polling.start(interval_s=0.01)
    file.with_suffix(".new").write_text(text(base, label("approved", 1)))
    file.with_suffix(".new").rename(file)
    deadline = time.monotonic() + 30
    while models._labels == {}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    polling.close()
    assert labelled(models, "approved") == 1
