"""Ports, sockets, TLS and the health service, on real servers in this process."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from data_schemas.errors import ConfigurationError
from serving.server.answering import Answers
from serving.server.config import ModelConfig
from serving.server.listening import MODEL_SERVICE, PREDICTION_SERVICE, Health, read_credentials, start_grpc
from serving.server.metrics import Metrics
from serving.server.models import Models
from serving.server.options import ServerOptions
from serving.server.sockets import check_free

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Loaded:
    def __init__(self, path):
        self.path = path

    def close(self):
        pass


@pytest.fixture
def models(tmp_path):
    (tmp_path / "chest" / "4").mkdir(parents=True)
    models = Models([ModelConfig("chest", tmp_path / "chest")], Loaded)
    models.poll()
    return models


@contextmanager
def serving(models, **options):
    health = Health(models)
    server, port = start_grpc(Answers(models, Metrics()), health, ServerOptions(port=0, **options))
    try:
        yield health, port
    finally:
        server.stop(None).wait()


def newest(channel):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "chest"
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    return stub.GetModelStatus(request, timeout=30).model_version_status[0].version


def health_of(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status


def test_a_unix_socket_answers_as_well(models, tmp_path):
    with serving(models, socket_path=str(tmp_path / "s")), grpc.insecure_channel(f"unix:{tmp_path / 's'}") as channel:
        assert newest(channel) == 4


def test_a_model_without_a_version_is_not_serving(models, tmp_path):
    with serving(models) as (health, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        services = ("", PREDICTION_SERVICE, MODEL_SERVICE)
        assert [health_of(channel, service) for service in services] == [SERVING] * 3
        models.configure([ModelConfig("ct", tmp_path / "ct")])
        health.update()
        assert [health_of(channel, service) for service in services] == [NOT_SERVING, NOT_SERVING, SERVING]


def test_the_health_service_can_be_switched_off(models):
    with serving(models, health=False) as (_, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            health_of(channel, "")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert newest(channel) == 4


def test_nothing_is_serving_any_more_when_the_server_stops(models):
    with serving(models) as (health, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        health.stop()
        health.update()  # a poll that is still running
        assert {health_of(channel, service) for service in ("", PREDICTION_SERVICE, MODEL_SERVICE)} == {NOT_SERVING}


def test_settings_of_grpc_are_handed_on(models):
    arguments = (("grpc.max_metadata_size", 100),)
    request = get_model_status_pb2.GetModelStatusRequest()
    with (
        serving(models, channel_arguments=arguments) as (_, port),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(
            request, timeout=30, metadata=[("x-long", "x" * 200_000)]
        )
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The paths of a key and of the certificate that it signed itself, for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl, which makes a certificate, is absent")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "key.pem", folder / "cert.pem"


def text(value):
    return '"' + value.read_text().replace("\n", "\\n") + '"'


def ssl_config(folder, key, cert, *, more=""):
    path = folder / "ssl.config"
    path.write_text(f"server_key: {text(key)} server_cert: {text(cert)} {more}")
    return path


def test_tls_answers_who_trusts_its_certificate_and_no_one_in_clear(models, tmp_path, certificate):
    file = ssl_config(tmp_path, *certificate)
    trusting = grpc.ssl_channel_credentials(certificate[1].read_bytes())
    with serving(models, ssl_config_file=file) as (_, port):
        with grpc.secure_channel(f"localhost:{port}", trusting) as channel:
            assert newest(channel) == 4
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError):
            newest(channel)


def test_tls_may_ask_for_the_clients_certificate(models, tmp_path, certificate):
    key, cert = certificate
    file = ssl_config(tmp_path, key, cert, more=f"custom_ca: {text(cert)} client_verify: true")
    with serving(models, ssl_config_file=file) as (_, port):
        known = grpc.ssl_channel_credentials(cert.read_bytes(), key.read_bytes(), cert.read_bytes())
        with grpc.secure_channel(f"localhost:{port}", known) as channel:
            assert newest(channel) == 4
        unknown = grpc.ssl_channel_credentials(cert.read_bytes())
        with grpc.secure_channel(f"localhost:{port}", unknown) as channel, pytest.raises(grpc.RpcError):
            newest(channel)


@pytest.mark.parametrize(
    ("text_", "says"),
    [
        ("", "give `server_key` and `server_cert`"),
        ('server_key: "k" server_cert: "c" client_verify: true', "`client_verify` needs `custom_ca`"),
        ("key", "must be an SSLConfig as text"),
    ],
)
def test_a_wrong_tls_file_says_what_is_wrong(tmp_path, text_, says):
    path = tmp_path / "ssl.config"
    path.write_text(text_)
    with pytest.raises(ConfigurationError, match=says):
        read_credentials(path)


# Ports


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("flag", ["port", "rest_port"])
def test_a_taken_port_is_told_with_its_flag(taken, flag):
    name = {"port": "--port", "rest_port": "--rest_api_port"}[flag]
    with pytest.raises(ConfigurationError, match=f"choose another with {name}"):
        check_free(ServerOptions(**{"port": 0, flag: taken}))


def test_grpc_and_rest_need_a_port_each():
    with pytest.raises(ConfigurationError, match="give REST another one"):
        check_free(ServerOptions(port=8500, rest_port=8500))
