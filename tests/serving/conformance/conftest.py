"""The server that is held to the table: the embedded one, started here, or a real one that `--model-server` names."""

from __future__ import annotations

import json
import re
import runpy
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

TOY_FOLDER = runpy.run_path(str(Path(__file__).with_name("toy_folder.py")))


@dataclass(frozen=True)
class Folder:
    """The models that the server was started with: where they are here, and where the server sees them."""

    path: Path

    @property
    def seen_as(self) -> str:
        found = re.search(r'base_path: "(.*)/toy"', (self.path / "models.config").read_text())
        assert found, "not a folder that toy_folder.py wrote"
        return found[1]


@dataclass(frozen=True)
class Addresses:
    """HOST:PORT of gRPC, REST, and gRPC of the server with batching; None for what a real server was not named with."""

    grpc: str
    rest: str | None
    batching: str | None
    is_real: bool


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of models; of a real server the one that `--model-server-folder` names."""
    if request.config.getoption("--model-server"):
        named = request.config.getoption("--model-server-folder")
        if not named:
            pytest.skip("needs --model-server-folder DIR, the folder that toy_folder.py wrote")
        return Folder(Path(named))
    path = tmp_path_factory.mktemp("conformance") / "models"
    path.mkdir()
    TOY_FOLDER["write"](path)
    return Folder(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def addresses(request: pytest.FixtureRequest) -> Addresses:
    """Where the servers are."""
    named = request.config.getoption("--model-server")
    if named:
        rest = request.config.getoption("--model-server-rest")
        return Addresses(named, rest, request.config.getoption("--model-server-batching"), is_real=True)
    folder = request.getfixturevalue("folder")
    start = request.getfixturevalue("start_server")
    rest = free_port()
    plain = start(f"--rest_api_port={rest}", *TOY_FOLDER["flags"](folder.path))
    batching = start(*TOY_FOLDER["flags"](folder.path, batching=True))
    return Addresses(plain.wait_until_ready(), f"127.0.0.1:{rest}", batching.wait_until_ready(), is_real=False)


@pytest.fixture(scope="session")
def channel(addresses: Addresses) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(addresses.grpc, [("grpc.max_send_message_length", -1)]) as channel:
        yield channel


@pytest.fixture(scope="session")
def prediction(channel: grpc.Channel) -> Any:
    """The stub of PredictionService."""
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def model(channel: grpc.Channel) -> Any:
    """The stub of ModelService."""
    return model_service_pb2_grpc.ModelServiceStub(channel)


@pytest.fixture(scope="session")
def batching(addresses: Addresses) -> Iterator[Any]:
    """The stub of PredictionService of a server with batching."""
    if addresses.batching is None:
        pytest.skip("needs --model-server-batching HOST:PORT")
    with grpc.insecure_channel(addresses.batching) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture
def embedded_only(addresses: Addresses) -> None:
    """A deliberate difference: TensorFlow Serving behaves otherwise."""
    if addresses.is_real:
        pytest.skip("a deliberate difference of the embedded server")


@pytest.fixture
def rest(addresses: Addresses) -> Callable[..., tuple[int, Any]]:
    """Asks over HTTP: `rest("/v1/models/toy", body=None)` gives the status and the JSON of the answer."""
    if addresses.rest is None:
        pytest.skip("needs --model-server-rest HOST:PORT")

    def ask(path: str, body: Any = None) -> tuple[int, Any]:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(f"http://{addresses.rest}{path}", data, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return ask


@pytest.fixture
def reload_config(model: Any, folder: Folder) -> Iterator[Callable[[str], None]]:
    """Gives the server another configuration, in which `FOLDER` is the folder of models; the first one comes back."""

    def reload(text: str) -> None:
        request = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(text.replace("FOLDER", folder.seen_as), request.config)
        model.HandleReloadConfigRequest(request, timeout=120)

    yield reload
    reload((folder.path / "models.config").read_text())


@pytest.fixture(scope="session")
def example() -> Callable[..., bytes]:
    """`example(mean=0.5)`: a serialized tf.Example of the toy."""
    return lambda mean=0.5: TOY_FOLDER["serialized_example"](mean)


@pytest.fixture(scope="session")
def predict_request() -> Callable[..., Any]:
    """`predict_request(signature, name="toy", version=None, version_label=None, output_filter=(), **inputs)`."""

    def make(signature="", *, name="toy", version=None, version_label=None, output_filter=(), **inputs):
        request = predict_pb2.PredictRequest(output_filter=output_filter)
        request.model_spec.name = name
        request.model_spec.signature_name = signature
        if version is not None:
            request.model_spec.version.value = version
        if version_label is not None:
            request.model_spec.version_label = version_label
        for alias, value in inputs.items():
            is_message = isinstance(value, type(tf.make_tensor_proto(0)))
            request.inputs[alias].CopyFrom(value if is_message else tf.make_tensor_proto(value))
        return request

    return make


@pytest.fixture(scope="session")
def two_inputs(predict_request: Callable[..., Any]) -> Callable[..., Any]:
    """`two_inputs(a=..., b=..., **more)`: a request to the signature of two inputs."""

    def make(a=((1.0, 2.0, 3.0),), b=(4.0,), **more):
        tensors = {"a": tf.make_tensor_proto(a, tf.float32), "b": tf.make_tensor_proto(b, tf.float32)}
        return predict_request("two_inputs", **{**tensors, **more})

    return make


@pytest.fixture(scope="session")
def status_of() -> Callable[..., tuple[grpc.StatusCode, str]]:
    """`status_of(method, request)`: the status code and text that a call ends with."""

    def status(method, request):
        with pytest.raises(grpc.RpcError) as caught:
            method(request, timeout=60)
        return caught.value.code(), caught.value.details()

    return status
