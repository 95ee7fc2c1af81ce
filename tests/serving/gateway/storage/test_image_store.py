"""Objects come whole or not at all, under random names, and are read only as they were put."""

import hashlib
import re
import secrets
import stat
from datetime import datetime, timedelta, timezone

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from data_schemas.errors import ConfigurationError
from serving.gateway.problems import INTERNAL, UNAVAILABLE, ProblemError
from serving.gateway.storage.image_store import ImageStore


@pytest.fixture(params=["folder", "object store"])
def url(request, tmp_path):
    return str(tmp_path / "images") if request.param == "folder" else f"memory://{secrets.token_hex(4)}/images"


@pytest.fixture
def store(url):
    return ImageStore(url)


def problem(function, *arguments):
    with pytest.raises(ProblemError) as refused:
        function(*arguments)
    return refused.value.kind


def test_what_was_put_is_read(store, tmp_path):
    data = secrets.token_bytes(3_000_000)
    (tmp_path / "upload").write_bytes(data)
    for source in (data, tmp_path / "upload"):
        put = store.put(source)
        assert (put.size, put.sha256) == (3_000_000, hashlib.sha256(data).hexdigest())
        assert store.read(put.name, put.sha256) == data
        with store.file(put.name, put.sha256) as path:
            assert path.read_bytes() == data


def test_names_are_random_and_tell_nothing(store):
    names = {store.put(b"the same").name for _ in range(50)}
    assert len(names) == 50 == len(set(store.names())) and names == set(store.names())
    assert all(re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{32}", name) for name in names)


def test_an_object_that_was_altered_or_removed_is_not_read(store, url):
    put = store.put(b"image")
    filesystem, root = fsspec.core.url_to_fs(url)
    filesystem.pipe_file(f"{root}/{put.name}", b"imagE")
    assert problem(store.read, put.name, put.sha256) == INTERNAL
    assert problem(store.file(put.name, put.sha256).__enter__) == INTERNAL
    assert store.remove(put.name)
    assert problem(store.read, put.name, put.sha256) == INTERNAL
    assert problem(store.file(put.name, put.sha256).__enter__) == INTERNAL
    assert store.remove(put.name)  # there is nothing to do


def test_an_object_knows_when_it_was_put(store):
    put = store.put(b"image")
    assert abs(store.modified(put.name) - datetime.now(timezone.utc)) < timedelta(minutes=1)
    store.remove(put.name)
    assert store.modified(put.name) is None


def test_what_the_store_did_not_put_is_not_named(store, url):
    filesystem, root = fsspec.core.url_to_fs(url)
    store.belong_to("owner")
    for foreign in ("readme.txt", "ab/readme.txt", f"ab/cd{'0' * 30}", f"{'a' * 32}", f"ab/ab{'0' * 30}.txt"):
        filesystem.makedirs(f"{root}/ab", exist_ok=True)
        filesystem.pipe_file(f"{root}/{foreign}", b"somebody's")
    own = store.put(b"image").name
    assert list(store.names()) == [own]


def test_a_store_belongs_to_one_database(store, url):
    store.belong_to("first")
    store.belong_to("first")
    with pytest.raises(ConfigurationError, match="belongs to another database"):
        ImageStore(url).belong_to("second")


def test_a_folder_is_its_owners_alone(tmp_path):
    store = ImageStore(str(tmp_path / "new" / "images"))
    put = store.put(b"image")
    path = tmp_path / "new" / "images" / put.name
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent, path.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    store = ImageStore(str(tmp_path / "images"))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert problem(store.put, b"image") == UNAVAILABLE
    assert [path for path in (tmp_path / "images").rglob("*") if path.is_file()] == []


def test_a_put_that_was_cut_off_is_named_as_unfinished(tmp_path, monkeypatch):
    store = ImageStore(str(tmp_path / "images"))

    def killed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        store.put(b"image")
    (left,) = store.names()
    assert left.endswith(".partial") and store.remove(left)


def test_an_object_store_that_is_away_is_unavailable(monkeypatch):
    store = ImageStore("memory://away/images")
    put = store.put(b"image")

    def away(*_, **__):
        raise OSError("no route to host")

    for method in ("open", "cat_file", "rm_file", "find", "modified", "exists"):
        monkeypatch.setattr(MemoryFileSystem, method, away)
    assert problem(store.put, b"image") == UNAVAILABLE
    assert problem(store.read, put.name, put.sha256) == UNAVAILABLE
    assert problem(store.modified, put.name) == UNAVAILABLE
    assert problem(lambda: list(store.names())) == UNAVAILABLE
    assert problem(store.belong_to, "owner") == UNAVAILABLE
    assert not store.remove(put.name) and not store.ready()


def test_an_image_store_that_is_none_is_refused(tmp_path):
    for wrong in ("nothing://bucket/images", "abfs://bucket/images"):  # adlfs is not among the dependencies
        with pytest.raises(ConfigurationError, match="the image store's URL cannot be used"):
            ImageStore(wrong)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        ImageStore(str(tmp_path / "file" / "images"))


def test_a_file_url_is_a_folder(tmp_path):
    store = ImageStore(f"file://{tmp_path}/images")
    assert isinstance(store._files, LocalFileSystem) and (tmp_path / "images").is_dir()
    assert store.ready()
