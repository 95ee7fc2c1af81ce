"""Configurations that change, with servables that the test holds in its hand."""

from __future__ import annotations

import threading

import pytest
from tensorflow_serving.apis import model_pb2

from serving.server.config import ModelConfig, VersionPolicy
from serving.server.errors import RequestError
from serving.server.models import Models
from serving.server.served_model import State

EVERY = VersionPolicy(every=True)


class Loaded:
    def __init__(self, path):
        self.path = path
        self.closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def base(tmp_path):
    for name in ("chest/1", "chest/2", "ct/5"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def chest(base, policy=EVERY, **labels):
    return ModelConfig("chest", base / "chest", policy, tuple(labels.items()))


def spec(name="chest", **more):
    message = model_pb2.ModelSpec(name=name)
    if "version" in more:
        message.version.value = more["version"]
    if "label" in more:
        message.version_label = more["label"]
    return message


def served(models, **asked):
    with models.use(spec(**asked)) as (version, loaded):
        assert not loaded.closed
        return version


def test_a_configuration_brings_models_and_takes_them_away(base):
    models = Models([chest(base)], Loaded)
    models.poll()
    assert models.configure([chest(base), ModelConfig("ct", base / "ct")]) == {"ct"}
    models.poll()
    assert (served(models), served(models, name="ct")) == (2, 5)
    assert models.configure([ModelConfig("ct", base / "ct")]) == frozenset()
    with pytest.raises(RequestError, match=r"Latest\(chest\)"):
        served(models)
    assert {status.state for status in models.statuses("chest")} == {State.END}
    assert models.names == ("ct",)


def test_a_request_in_flight_keeps_a_model_that_was_taken_away(base):
    models = Models([chest(base)], Loaded)
    models.poll()
    with models.use(spec()) as (_, loaded):
        models.configure([])
        assert not loaded.closed
    assert loaded.closed


def test_a_model_that_comes_back_is_loaded_anew(base):
    models = Models([chest(base)], Loaded)
    models.poll()
    models.configure([])
    assert models.configure([chest(base)]) == {"chest"}
    models.poll()
    assert served(models) == 2


def test_another_policy_is_followed_at_the_next_poll(base):
    models = Models([chest(base)], Loaded)
    models.poll()
    models.configure([chest(base, VersionPolicy(specific=frozenset({1})))])
    models.poll()
    assert served(models) == 1


def test_labels_follow_the_configuration(base):
    models = Models([chest(base)], Loaded, aliases={"default": "chest"})
    models.poll()
    models.configure([chest(base, approved=1, candidate=2)])
    assert [served(models, label=label) for label in ("approved", "candidate")] == [1, 2]
    assert served(models, name="default", label="approved") == 1
    models.configure([chest(base, approved=2)])
    assert served(models, label="approved") == 2
    with pytest.raises(RequestError, match="Unrecognized servable version label: candidate"):
        served(models, label="candidate")


def test_a_refused_configuration_changes_nothing(base):
    models = Models([chest(base)], Loaded)
    models.poll()
    models.configure([chest(base, approved=1)])
    with pytest.raises(RequestError, match="version 9"):
        models.configure([ModelConfig("ct", base / "ct"), chest(base, approved=9)])
    assert (models.names, served(models, label="approved")) == (("chest",), 1)


def test_labels_at_the_start_need_to_be_allowed(base):
    with pytest.raises(RequestError, match="not currently available"):
        Models([chest(base, approved=1)], Loaded)
    models = Models([chest(base, approved=1)], Loaded, allow_unused_labels=True)
    models.poll()
    assert served(models, label="approved") == 1


def test_models_load_at_once_where_there_are_threads_for_it(base):
    both = threading.Barrier(2, timeout=30)  # broken, and a load failed, unless two loads meet at it

    def load(path):
        both.wait()
        return Loaded(path)

    models = Models([ModelConfig("chest", base / "chest"), ModelConfig("ct", base / "ct")], load, load_threads=2)
    models.poll()
    assert models.pending() == ()
    models.close()


def test_after_a_poll_whoever_asked_for_it_is_told(base):
    told = []
    models = Models([chest(base)], Loaded)
    models.after_poll = lambda: told.append(models.pending())
    models.poll()
    assert told == [()]
