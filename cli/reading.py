"""The part of `radflow serve` that opens the reading page: a child serves the model, this process is the gateway."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.demo_cases import CASES, sample_folder
from cli.kept_server import KeptServer, kept_server
from cli.serve import served_models
from data_schemas.errors import ModelServerEnded
from serving.gateway.process import Listener, check_listener, listen, serve_gateway
from serving.gateway.settings import PREFIX, GatewaySettings
from serving.ports import listen as free_port

if TYPE_CHECKING:
    from cli.served_models import ServedModels

_LOOPBACK = "127.0.0.1"
"""Where the child listens: the page alone asks it."""


@dataclass(frozen=True)
class Asked:
    """What the gateway asks.

    Attributes:
        address: of the model server.
        names: of its models.
        server: keeps the model server up, where it is a child of this process.
        models: where they come from, of a child.
    """

    address: str
    names: tuple[str, ...]
    server: KeptServer | None = None
    models: ServedModels | None = None


def run_page(arguments: argparse.Namespace) -> int:
    """Serves model and page until Ctrl-C or SIGTERM; a model server that ends by itself is started again.

    Returns:
        0; or what the model server ended with where it could not start, after it said why.

    Raises:
        ConfigurationError: a port is taken, there is no model, or the gateway's environment is wrong.
        ModelServerEnded: a signal ended the model server while it started.
        KeyboardInterrupt: a signal to stop came before all was started.
    """
    listener = Listener(arguments.host, arguments.port)
    check_listener(listener, GatewaySettings.from_environment(os.environ))
    # All before the seconds that a model needs to load: what is wrong is said at once.
    try:
        with _sigterm_interrupts(), listen(listener) as listening, _asked(arguments) as asked:
            return _serve(_settings(arguments, asked), listener, listening, asked)
    except ModelServerEnded as error:
        if error.status <= 0:
            raise
        return error.status


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Has SIGTERM end this process as Ctrl-C does, while nothing else takes it: Python's own way leaves the child."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _asked(arguments: argparse.Namespace) -> Iterator[Asked]:
    """Gives what the gateway asks: the model server that was named, or a child for as long as the block lasts."""
    if arguments.model_server:
        yield Asked(arguments.model_server, tuple(arguments.model_name))
        return
    models = served_models(arguments)
    free_port(_LOOPBACK, arguments.grpc_port, flag="--grpc-port").close()
    which = ("--model", arguments.model) if arguments.model else ("--output", models.output)

    def command(port: int) -> list[str]:
        words = ("serve", "--no-page", "--host", _LOOPBACK, "--grpc-port", port, *which)
        return [sys.executable, "-m", "cli.main", *map(str, words)]

    print(f"Starting the model server with {', '.join(models.names)} ...", flush=True)
    with kept_server(command, arguments.grpc_port, say=_warn) as (server, address):
        yield Asked(address, models.names, server, models)


def _warn(line: str) -> None:
    print(f"radflow serve: {line}", file=sys.stderr, flush=True)


def _settings(arguments: argparse.Namespace, asked: Asked) -> GatewaySettings:
    """Returns the gateway's settings: the environment's, and on top what the command says."""
    output = asked.models.output if asked.models else None
    data = arguments.data or (Path("radflow-gateway") if output is None else output / "gateway")
    told = {"MODEL_SERVER": asked.address, "MODELS": ",".join(asked.names), "DATA_FOLDER": str(data.absolute())}
    if output is not None:
        told["SERVING_ROOT"] = str(output / "serving")
        samples = sample_folder(output, asked.names)
        told |= {} if samples is None else {"SAMPLES": str(samples)}
    return GatewaySettings.from_environment({**os.environ, **{PREFIX + name: value for name, value in told.items()}})


def _serve(settings: GatewaySettings, listener: Listener, listening: socket.socket, asked: Asked) -> int:
    from serving.gateway.app import create_app
    from serving.gateway.observability.logs import configure_logs

    configure_logs(level=logging.WARNING)

    def ready(address: str) -> None:
        print(_said(address, settings, asked), flush=True)
        if settings.samples is not None and not settings.authenticated:
            threading.Thread(target=_add_samples, args=(address,), daemon=True).start()

    ending = _nothing if asked.server is None else asked.server.ending
    serve_gateway(create_app(settings), settings, listener, ready=ready, listening=listening, ending=ending)
    return 0


def _nothing() -> None:
    """What is to be done when the page ends whose model server is somebody else's."""


def _said(address: str, settings: GatewaySettings, asked: Asked) -> str:
    lines = [
        f"  reading page   {address}",
        f"  model server   {asked.address}, gRPC: {', '.join(asked.names)}",
        f"  cases          {settings.data_folder}",
    ]
    if settings.samples is not None:
        lines.append("Synthetic sample cases are on the worklist, of patients to whom nothing was fitted.")
    return "\n".join([*lines, "Research software, not a medical device. Ctrl-C stops it."])


def _add_samples(address: str) -> None:
    """Has the gateway put in its sample cases unless there is any case already."""
    try:
        with urllib.request.urlopen(f"{address}/api/v1/studies?limit=1", timeout=60) as answer:  # noqa: S310  # our own
            if json.load(answer)["total"]:
                return
        for _ in range(CASES):
            request = urllib.request.Request(f"{address}/api/v1/samples", method="POST")  # noqa: S310  # our own
            urllib.request.urlopen(request, timeout=60).close()  # noqa: S310
    except (OSError, ValueError) as error:
        _warn(f"the sample cases were not put in ({error})")
