"""What the server listens on: a gRPC port with TLS or without, a UNIX socket, and an HTTP port for REST."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import uvicorn
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from data_schemas.errors import ConfigurationError
from serving.ports import address, cannot_listen, listen
from serving.server.answering import Answers
from serving.server.models import Models
from serving.server.options import ServerOptions
from serving.server.rest import rest_app
from serving.server.services import ModelService, PredictionService
from serving.server.text_files import new_message, parse_text

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
_STOP_TIMEOUT_S = 15.0


class Health:
    """gRPC's health service: the server and its services, each SERVING or not.

    PredictionService, and the server as a whole, serve while every model has an available version; ModelService, which
    tells why one has not, serves until the end.
    """

    def __init__(self, models: Models) -> None:
        self.servicer = health.HealthServicer()
        self._models = models
        self.update()

    def update(self) -> None:
        """Looks at the models again."""
        ready = not self._models.pending()
        for name in ("", PREDICTION_SERVICE):
            self._set(name, serving=ready)
        self._set(MODEL_SERVICE, serving=True)

    def stop(self) -> None:
        """Says that nothing serves any more, for good."""
        self.servicer.enter_graceful_shutdown()

    def _set(self, name: str, *, serving: bool) -> None:
        statuses = health_pb2.HealthCheckResponse
        self.servicer.set(name, statuses.SERVING if serving else statuses.NOT_SERVING)


def start_grpc(answers: Answers, health_service: Health, options: ServerOptions) -> tuple[grpc.Server, int]:
    """Returns a server that answers, and its port.

    Raises:
        ConfigurationError: the port or socket is taken, or the TLS files cannot be used.
    """
    workers = ThreadPoolExecutor(options.threads, thread_name_prefix="grpc")
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    # Without this a second server could listen on the same port, and take half of the requests.
    alone = ("grpc.so_reuseport", 0)
    server = grpc.server(workers, options=[*unlimited, alone, *options.channel_arguments])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(answers), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(answers), server)
    if options.health:
        health_pb2_grpc.add_HealthServicer_to_server(health_service.servicer, server)
    credentials = read_credentials(options.ssl_config_file) if options.ssl_config_file else None
    port = _add_port(server, address(options.host, options.port), credentials)
    if options.socket_path is not None:
        _add_port(server, f"unix:{options.socket_path}", credentials)
    server.start()
    return server, port


def read_credentials(path: Path) -> Any:
    """Returns the credentials of an SSLConfig in protobuf text format.

    Raises:
        ConfigurationError: the file cannot be read, or has no key and certificate.
    """
    config = parse_text(path, new_message("SSLConfig"), flag="--ssl_config_file")
    if not config.server_key or not config.server_cert:
        raise ConfigurationError(f"--ssl_config_file {path}: give `server_key` and `server_cert`, both as PEM text")
    if config.client_verify and not config.custom_ca:
        raise ConfigurationError(f"--ssl_config_file {path}: `client_verify` needs `custom_ca`, as PEM text")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def _add_port(server: grpc.Server, where: str, credentials: Any) -> int:
    try:
        port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
    except RuntimeError as error:
        raise cannot_listen(where) from error
    if not port:  # how older versions of grpc say it
        raise cannot_listen(where)
    return int(port)


@dataclass(frozen=True)
class HttpServer:
    """The REST interface on a thread of its own."""

    server: uvicorn.Server
    thread: threading.Thread
    workers: ThreadPoolExecutor
    port: int

    def stop(self) -> None:
        """Lets the running calls finish, then ends."""
        self.server.should_exit = True
        self.thread.join(_STOP_TIMEOUT_S)
        self.workers.shutdown(wait=False)


def start_http(answers: Answers, options: ServerOptions) -> HttpServer:
    """Returns the REST interface, listening.

    Raises:
        ConfigurationError: the port is taken.
    """
    listener = listen(options.host, options.rest_port, flag="--rest_api_port")
    workers = ThreadPoolExecutor(options.rest_threads, thread_name_prefix="rest")
    config = uvicorn.Config(
        rest_app(answers, workers, options.rest),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=int(_STOP_TIMEOUT_S) - 5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="http", daemon=True)
    thread.start()
    return HttpServer(server, thread, workers, listener.getsockname()[1])
