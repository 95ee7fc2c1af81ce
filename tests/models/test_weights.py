"""Where weights are looked for, and that nothing falls back to random ones."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from data_schemas.errors import WeightsError
from data_schemas.task import Model, PublishedWeights
from data_schemas.task_file import task_from_json, task_to_json
from models.weights import cached_name, find_weights, weights_digest
from tests.models.tasks import demo_task

NAME = "mobilenet_2_5_224_tf_no_top.h5"
MODEL = Model(backbone="mobilenet", weights="imagenet", alpha=0.25)


def test_the_folder_given_comes_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for folder in (tmp_path / "given", tmp_path / "keras" / "models"):
        folder.mkdir(parents=True)
        (folder / NAME).write_bytes(folder.name.encode())
    assert find_weights(MODEL, folder=tmp_path / "given") == tmp_path / "given" / NAME
    assert find_weights(MODEL, folder=None) == tmp_path / "keras" / "models" / NAME


def test_weights_that_cannot_be_had_say_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("models.backbones._BUCKET", "http://127.0.0.1:9")
    address = f"http://127.0.0.1:9/tensorflow/keras-applications/mobilenet/{NAME}"
    with pytest.raises(WeightsError, match=f"fetch {address} and put it .* {tmp_path}/models, under the name {NAME}"):
        find_weights(MODEL, folder=None)
    assert not list((tmp_path / "models").iterdir())


@contextmanager
def _server(answer: bytes) -> Iterator[str]:
    """Serves one connection on a free port: reads a request, sends `answer`, hangs up. Gives the address."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=10)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HEAD + b"Content-Length: 10\r\n\r\nweights", "7 of 10 bytes came"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\nweights", "IncompleteRead"),
        (b"not a web server\r\n\r\n", "not a web server"),
    ],
    ids=["fewer bytes than announced", "half a chunk", "no HTTP"],
)
def test_weights_that_came_in_part_are_not_kept(
    answer: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with _server(answer) as address:
        monkeypatch.setattr("models.backbones._BUCKET", address)
        with pytest.raises(WeightsError, match=rf"could not be downloaded \(.*{said}.*fetch {address}"):
            find_weights(MODEL, folder=None)
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.parametrize("length", [b"Content-Length: 7\r\n", b""], ids=["length announced", "no length"])
def test_weights_that_came_whole_are_kept(length: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with _server(HEAD + length + b"\r\nweights") as address:
        monkeypatch.setattr("models.backbones._BUCKET", address)
        found = find_weights(MODEL, folder=None)
    assert found == tmp_path / "models" / NAME
    assert found.read_bytes() == b"weights"


def test_a_cache_that_cannot_be_written_says_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="could not be downloaded"):
        find_weights(MODEL, folder=None)


def test_downloaded_weights_are_kept_in_keras_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = tmp_path / "published" / "tensorflow" / "keras-applications" / "mobilenet"
    published.mkdir(parents=True)
    (published / NAME).write_bytes(b"weights")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("models.backbones._BUCKET", (tmp_path / "published").as_uri())
    assert find_weights(MODEL, folder=None) == tmp_path / "keras" / "models" / NAME
    assert (tmp_path / "keras" / "models" / NAME).read_bytes() == b"weights"


def test_random_weights_have_no_file() -> None:
    assert find_weights(Model(backbone="small_cnn", weights="none"), folder=None) is None
    assert weights_digest(None) == ""


def test_a_named_file_is_looked_for_in_the_folder_too(tmp_path: Path) -> None:
    (tmp_path / "own.h5").write_bytes(b"x")
    assert find_weights(Model(weights="own.h5"), folder=tmp_path) == tmp_path / "own.h5"
    with pytest.raises(WeightsError, match=r"other\.h5"):
        find_weights(Model(weights="other.h5"), folder=tmp_path)


BYTES = b"weights of a hospital"
DIGEST = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serves a file `lung.h5` on a free port of this machine; gives its address. Keras' cache is empty."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "lung.h5").write_bytes(BYTES)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "web"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/lung.h5"
        server.shutdown()
        thread.join()


def model_from(url: str, sha256: str = DIGEST) -> Model:
    return Model(backbone="densenet121", weights={"url": url, "sha256": sha256})


def test_published_weights_are_fetched_once(publisher: str, tmp_path: Path) -> None:
    found = find_weights(model_from(publisher), folder=None)
    assert found == tmp_path / "keras" / "models" / f"{DIGEST}-lung.h5"
    assert found.read_bytes() == BYTES
    (tmp_path / "web" / "lung.h5").unlink()
    assert find_weights(model_from(publisher), folder=None) == found


def test_published_weights_of_another_digest_are_not_kept(publisher: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"SHA-256 {'0' * 64} was expected and {DIGEST} found; correct"):
        find_weights(model_from(publisher, "0" * 64), folder=None)
    assert not list((tmp_path / "keras" / "models").iterdir())


def test_cached_weights_that_changed_are_refused(publisher: str) -> None:
    found = find_weights(model_from(publisher), folder=None)
    found.write_bytes(b"other")
    with pytest.raises(WeightsError, match=f"{DIGEST} was expected and {hashlib.sha256(b'other').hexdigest()} found"):
        find_weights(model_from(publisher), folder=None)


def test_the_folder_given_has_published_weights_under_their_own_name_and_they_are_checked(tmp_path: Path) -> None:
    model = model_from("https://127.0.0.1:9/models/lung.h5?download=1")
    (tmp_path / "lung.h5").write_bytes(BYTES)
    assert find_weights(model, folder=tmp_path) == tmp_path / "lung.h5"
    (tmp_path / "lung.h5").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"lung\.h5 are not those that model\.weights names"):
        find_weights(model, folder=tmp_path)


def test_published_weights_that_cannot_be_had_say_what_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    said = f"{tmp_path} has no {DIGEST}-lung.h5.*fetch http://127.0.0.1:9/lung.h5 and put it.*under the name {DIGEST}"
    with pytest.raises(WeightsError, match=said):
        find_weights(model_from("http://127.0.0.1:9/lung.h5"), folder=tmp_path)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.org/x/%2e%2e%2fpasswd", "passwd"),
        ("https://a.org/uc?id=1", "uc"),
        ("https://a.org/x/?f=1", "weights.h5"),
    ],
)
def test_an_address_gives_a_plain_file_name(url: str, name: str) -> None:
    assert cached_name(PublishedWeights(url=url, sha256=DIGEST)) == f"{DIGEST}-{name}"


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"url": "file:///etc/passwd", "sha256": DIGEST}, "https://HOST/PATH"),
        ({"url": "ftp://a.org/x.h5", "sha256": DIGEST}, "https://HOST/PATH"),
        ({"url": "https://a.org/x.h5", "sha256": "12"}, "64 hex digits"),
        ({"url": "https://a.org/x.h5"}, "sha256: ..."),
        (3, "path of a weights file"),
        ("", "path of a weights file"),
    ],
)
def test_weights_that_are_no_address_with_a_digest_are_refused(weights: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Model(weights=weights)


def test_a_task_with_published_weights_survives_its_json() -> None:
    task = demo_task(model={"backbone": "mobilenet", "weights": {"url": "https://a.org/x.h5", "sha256": DIGEST}})
    assert task_from_json(task_to_json(task)) == task
