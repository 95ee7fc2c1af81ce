"""The life of versions, with a clock and servables that the test holds in its hand."""

from __future__ import annotations

import pytest

from serving.server.config import ModelConfig, VersionPolicy
from serving.server.errors import RequestError
from serving.server.served_model import Retries, ServedModel, State


class Loaded:
    """Stands for a servable in memory."""

    def __init__(self, name):
        self.name = name
        self.closed = False

    def close(self):
        self.closed = True


class Disk:
    """A base path, the loader of what is in it, and the time."""

    def __init__(self, base_path):
        self.base_path = base_path
        self.broken = set()
        self.loaded = []
        self.now = 0.0

    def add(self, *names):
        for name in names:
            (self.base_path / name).mkdir()

    def remove(self, name):
        (self.base_path / name).rmdir()

    def load(self, version_dir):
        if version_dir.name in self.broken:
            raise OSError("no variables")
        self.loaded.append(Loaded(version_dir.name))
        return self.loaded[-1]

    def model(self, policy=VersionPolicy(), retries=Retries(2, 60.0)):  # noqa: B008  # both are immutable
        config = ModelConfig("chest", self.base_path, policy)
        return ServedModel(config, self.load, clock=lambda: self.now, retries=retries)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def states(model):
    return {status.version: status.state for status in model.statuses()}


def served(model, number=None):
    with model.use(number) as (version, servable):
        assert not servable.closed
        return version


def test_the_newest_version_is_served_and_the_others_are_not_loaded(disk):
    disk.add("1", "2", "10", ".11", "notes")
    model = disk.model()
    model.poll()
    assert states(model) == {10: State.AVAILABLE}
    assert served(model) == served(model, 10) == 10


def test_a_new_version_takes_over_and_the_old_one_ends(disk):
    disk.add("1")
    model = disk.model()
    model.poll()
    disk.add("2")
    model.poll()
    assert served(model) == 2
    assert states(model) == {2: State.AVAILABLE, 1: State.END}
    assert disk.loaded[0].closed


def test_the_old_version_is_still_there_while_the_new_one_loads(disk):
    disk.add("1")
    model = disk.model()
    model.poll()
    seen = []
    disk.add("2")
    model._load = lambda folder: seen.append(served(model)) or disk.load(folder)
    model.poll()
    assert seen == [1]
    assert served(model) == 2


def test_a_request_in_flight_keeps_its_version_until_it_is_done(disk):
    disk.add("1")
    model = disk.model()
    model.poll()
    with model.use() as (_, old):
        disk.add("2")
        model.poll()
        assert states(model) == {2: State.AVAILABLE, 1: State.UNLOADING}
        assert not old.closed
    assert old.closed
    assert states(model)[1] is State.END


def test_a_version_that_does_not_load_leaves_the_old_one_serving(disk):
    disk.add("1")
    model = disk.model()
    model.poll()
    disk.broken.add("2")
    disk.add("2")
    for _ in range(5):
        model.poll()
        disk.now += 60
    assert served(model) == 1
    assert states(model) == {2: State.END, 1: State.AVAILABLE}
    assert model.statuses()[0].message == "no variables"


def test_a_failed_load_is_tried_again_after_the_interval_and_no_sooner(disk):
    disk.add("1")
    disk.broken.add("1")
    model = disk.model()
    model.poll()
    assert states(model) == {1: State.LOADING}
    disk.broken.clear()
    disk.now = 59.9
    model.poll()
    assert states(model) == {1: State.LOADING}
    disk.now = 60.0
    model.poll()
    assert served(model) == 1
    assert model.statuses()[0].code == 0


def test_a_load_is_given_up_after_the_retries(disk):
    disk.add("1")
    disk.broken.add("1")
    model = disk.model(retries=Retries(2, 60.0))
    for expected in (State.LOADING, State.LOADING, State.END, State.END):
        model.poll()
        assert states(model) == {1: expected}
        disk.now += 60


def test_a_version_given_up_is_tried_anew_when_it_was_gone_and_is_back(disk):
    disk.add("1")
    disk.broken.add("1")
    model = disk.model(retries=Retries(0, 60.0))
    model.poll()
    disk.remove("1")
    model.poll()
    disk.broken.clear()
    disk.add("1")
    model.poll()
    assert served(model) == 1


def test_going_back_to_an_older_version_works(disk):
    disk.add("1", "2")
    model = disk.model()
    model.poll()
    disk.remove("2")
    model.poll()
    assert served(model) == 1
    assert states(model) == {2: State.END, 1: State.AVAILABLE}


def test_an_emptied_folder_unloads_and_a_missing_one_does_not(disk):
    disk.add("1")
    model = disk.model()
    model.poll()
    disk.base_path.rename(disk.base_path.with_name("away"))
    model.poll()
    assert served(model) == 1
    disk.base_path.mkdir()
    model.poll()
    assert states(model) == {1: State.END}
    with pytest.raises(RequestError, match=r"Latest\(chest\)"):
        served(model)


def test_specific_versions_are_served_side_by_side(disk):
    disk.add("1", "2", "3")
    model = disk.model(VersionPolicy(specific=frozenset({1, 2})))
    model.poll()
    assert (served(model), served(model, 1)) == (2, 1)
    with pytest.raises(RequestError, match=r"Specific\(chest, 3\)"):
        served(model, 3)


def test_close_waits_for_requests_in_flight(disk):
    disk.add("1")
    model = disk.model()
    model.poll()
    with model.use() as (_, servable):
        model.close()
        assert not servable.closed
    assert servable.closed


def test_waiting_for_a_first_version_is_said_once(disk, caplog):
    model = disk.model()
    for _ in range(3):
        model.poll()
    assert [record.message for record in caplog.records] == [
        f"chest: no version in {disk.base_path} yet, waiting for one"
    ]
