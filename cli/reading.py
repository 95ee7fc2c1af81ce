"""The part of `radflow serve` that opens the reading page: a child serves the model, this process is the gateway."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.demo_cases import CASES, sample_folder
from cli.serve import served_models
from serving.child_server import started
from serving.gateway.process import Listener, check_listener, listen, serve_gateway
from serving.gateway.settings import PREFIX, GatewaySettings

if TYPE_CHECKING:
    from cli.served_models import ServedModels

_STOPPED = (0, -signal.SIGTERM, -signal.SIGINT)
"""How a model server ends that was told to."""


@dataclass(frozen=True)
class Asked:
    """What the gateway asks.

    Attributes:
        address: of the model server.
        names: of its models.
        process: the model server, where it is a child of this process.
        models: where they come from, of a child.
    """

    address: str
    names: tuple[str, ...]
    process: subprocess.Popen[str] | None = None
    models: ServedModels | None = None


def run_page(arguments: argparse.Namespace) -> int:
    """Serves model and page until Ctrl-C or SIGTERM; returns 1 where the model server ended by itself.

    Raises:
        ConfigurationError: a port is taken, there is no model, or the gateway's environment is wrong.
        ModelServerError: the model server did not start.
    """
    listener = Listener(arguments.host, arguments.port)
    check_listener(listener, GatewaySettings.from_environment(os.environ))
    # Both before the seconds that a model needs to load: what is wrong is said at once.
    with listen(listener) as listening, _asked(arguments) as asked:
        return _serve(_settings(arguments, asked), listener, listening, asked)


@contextmanager
def _asked(arguments: argparse.Namespace) -> Iterator[Asked]:
    """Gives what the gateway asks: the model server that was named, or a child for as long as the block lasts."""
    if arguments.model_server:
        yield Asked(arguments.model_server, tuple(arguments.model_name))
        return
    models = served_models(arguments)
    which = ("--model", arguments.model) if arguments.model else ("--output", models.output)
    command = [sys.executable, "-m", "cli.main", "serve", "--no-page", "--grpc-port", str(arguments.grpc_port)]
    print(f"Starting the model server with {', '.join(models.names)} ...", flush=True)
    with started([*command, *map(str, which)]) as (process, address):
        yield Asked(address, models.names, process, models)


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
    ended = threading.Event()
    if asked.process is not None:
        threading.Thread(target=_watch, args=(asked.process, ended), daemon=True).start()

    def ready(address: str) -> None:
        print(_said(address, settings, asked), flush=True)
        if settings.samples is not None and not settings.authenticated:
            threading.Thread(target=_add_samples, args=(address,), daemon=True).start()

    serve_gateway(create_app(settings), settings, listener, ready=ready, listening=listening)
    return 1 if ended.is_set() else 0


def _watch(process: subprocess.Popen[str], ended: threading.Event) -> None:
    """Stops the page when the model server ends by itself, and not because this process ends."""
    status = process.wait()
    if status not in _STOPPED:
        ended.set()
        print(f"radflow serve: the model server ended with status {status}; its last lines say why", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGTERM)


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
        print(f"radflow serve: the sample cases were not put in ({error})", file=sys.stderr)
