"""Where weights are looked for, and that nothing falls back to random ones."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError, WeightsError
from data_schemas.task import Model
from models.backbones import BACKBONES, backbone_row
from models.weights import find_weights, weights_digest

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
    monkeypatch.setattr("models.backbones._KERAS_APPLICATIONS", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=f"fetch http://127.0.0.1:9/mobilenet/{NAME} and put it"):
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
        monkeypatch.setattr("models.backbones._KERAS_APPLICATIONS", address)
        with pytest.raises(WeightsError, match=rf"could not be downloaded \(.*{said}.*fetch {address}"):
            find_weights(MODEL, folder=None)
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.parametrize("length", [b"Content-Length: 7\r\n", b""], ids=["length announced", "no length"])
def test_weights_that_came_whole_are_kept(length: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with _server(HEAD + length + b"\r\nweights") as address:
        monkeypatch.setattr("models.backbones._KERAS_APPLICATIONS", address)
        found = find_weights(MODEL, folder=None)
    assert found == tmp_path / "models" / NAME
    assert found.read_bytes() == b"weights"


def test_a_cache_that_cannot_be_written_says_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="could not be downloaded"):
        find_weights(MODEL, folder=None)


def test_downloaded_weights_are_kept_in_keras_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = tmp_path / "published" / "mobilenet"
    published.mkdir(parents=True)
    (published / NAME).write_bytes(b"weights")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("models.backbones._KERAS_APPLICATIONS", (tmp_path / "published").as_uri())
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


@pytest.mark.parametrize(
    ("model", "channels", "said"),
    [
        (Model(backbone="alexnet"), 1, "unknown; choose one of"),
        (Model(backbone="mobilenet", alpha=0.3), 1, "allowed: 0.25, 0.5, 0.75, 1"),
        (Model(backbone="resnet50", alpha=0.5), 1, "none: leave the line out"),
        (Model(backbone="small_cnn", weights="imagenet"), 1, "no ImageNet weights"),
        (Model(backbone="mobilenet"), 2, "list 1 or 3 windows"),
    ],
)
def test_a_model_that_cannot_be_built_says_why(model: Model, channels: int, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        backbone_row(model, channels=channels)


def test_every_row_names_weights_that_have_a_url() -> None:
    for name, row in BACKBONES.items():
        if row.weights_file:
            assert row.weights_url(None).endswith(".h5"), name
            assert "{" not in row.weights_url(None), name
