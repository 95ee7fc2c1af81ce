"""The server as a process: start quietly, serve until SIGTERM or SIGINT, stop without cutting a request off.

TensorFlow is imported by `serve`, not with this module, so that `--help` and wrong flags answer at once.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent import futures
from typing import TYPE_CHECKING

import grpc

from data_schemas.errors import ConfigurationError, ModelServerError
from serving.server.options import ServerOptions

if TYPE_CHECKING:
    from serving.server.models import Models

_GRACE_S = 10.0
"""How long requests may go on after the signal to stop."""
_START_POLL_S = 0.2
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(options: ServerOptions, *, ready: Callable[[str, str], None]) -> None:
    """Serves until the process is told to stop; call it on the main thread.

    Like TensorFlow Serving it listens only once every model has a version; an empty folder is waited for.

    Args:
        options: what to serve, and where.
        ready: called once with the names of the models, comma-separated, and the address `HOST:PORT`.

    Raises:
        ConfigurationError: the port is taken, or the configuration file is wrong.
        ModelServerError: a model cannot be loaded, and no further attempt is due.
    """
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    _check_port(options)
    quieten_tensorflow()
    models = _models(options)
    try:
        if _wait_for_models(models, stop):
            server, port = _listen(models, options)
            models.start(poll_interval_s=options.poll_interval_s)
            ready(",".join(models.names), _address(options.host, port))
            stop.wait()
            server.stop(_GRACE_S).wait()
    finally:
        models.close()


def quieten_tensorflow() -> None:
    """Keeps TensorFlow's start-up lines off the terminal; to be called before TensorFlow is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def log_to_stderr() -> None:
    """Sends the server's own log, one line for every load and unload, to stderr."""
    logger = logging.getLogger("serving.server")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _check_port(options: ServerOptions) -> None:
    """Raises for a port that is taken now, rather than after the seconds that TensorFlow and the model take to load."""
    host = options.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, options.port), family=family).close()
    except (OSError, OverflowError) as error:
        raise _cannot_listen(options) from error


def _cannot_listen(options: ServerOptions) -> ConfigurationError:
    return ConfigurationError(
        f"cannot listen on {_address(options.host, options.port)}: "
        "stop what listens there, or choose another with --port"
    )


def _address(host: str, port: int) -> str:
    """Returns HOST:PORT, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _models(options: ServerOptions) -> Models:
    from serving.server.config_file import read_model_config_file
    from serving.server.models import Models
    from serving.server.served_model import Retries

    configs = read_model_config_file(options.config_file) if options.config_file else options.models
    retries = Retries(options.load_retries, options.retry_interval_s)
    return Models(configs, aliases=dict(options.aliases), retries=retries)


def _wait_for_models(models: Models, stop: threading.Event) -> bool:
    """Polls until every model has a version; returns False when the process was told to stop first."""
    models.poll()
    while models.pending() and not stop.is_set():
        for name, message in models.failed().items():
            raise ModelServerError(f"model {name} cannot be loaded: {message}")
        stop.wait(_START_POLL_S)
        models.poll()
    return not stop.is_set()


def _listen(models: Models, options: ServerOptions) -> tuple[grpc.Server, int]:
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

    from serving.server.services import ModelService, PredictionService

    workers = futures.ThreadPoolExecutor(options.threads, thread_name_prefix="grpc")
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    # Without this a second server could listen on the same port, and take half of the requests.
    server = grpc.server(workers, options=[*unlimited, ("grpc.so_reuseport", 0)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(models), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(models), server)
    try:
        port = server.add_insecure_port(_address(options.host, options.port))
    except RuntimeError as error:
        raise _cannot_listen(options) from error
    server.start()
    return server, port
