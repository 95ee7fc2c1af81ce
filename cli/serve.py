"""`radflow serve`: a model server and the reading page in front of it, together, for one machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from cli.served_models import ServedModels

DEFAULT_NAME = "default"
"""The name that the first model served here has besides its own; TensorFlow Serving's default as well."""
DEFAULT_OUTPUT = Path("radflow-output")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Serve pushed models, and open the page on which images are read: a model server (gRPC, as TensorFlow Serving) "
        "and a gateway. Folders are watched: a newer or newly approved version takes over."
    )
    served = parser.add_mutually_exclusive_group()
    served.add_argument(
        "--output", type=Path, metavar="DIR", help=f"serve every model of a run's output [{DEFAULT_OUTPUT}]"
    )
    served.add_argument(
        "--model", type=Path, metavar="DIR", help="serve OUTPUT/serving/TASK, or one version folder in it"
    )
    served.add_argument(
        "--model-server", metavar="HOST:PORT", help="start none: ask this TensorFlow Serving, which has --model-name"
    )
    parser.add_argument(
        "--model-name", action="append", metavar="NAME", help="a model of --model-server; may be said again"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is every one [%(default)s]")
    parser.add_argument("--port", type=int, default=8080, help="port of the page, 0 for any free one [%(default)s]")
    parser.add_argument(
        "--grpc-port", type=int, default=8500, help="port of the model server, 0 for any free one [%(default)s]"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where cases are kept [OUTPUT/gateway]")
    parser.add_argument("--no-page", action="store_true", help="the model server alone")


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM."""
    if bool(arguments.model_server) != bool(arguments.model_name):
        raise ConfigurationError("--model-server HOST:PORT and --model-name NAME belong together")
    if arguments.no_page:
        if arguments.model_server:
            raise ConfigurationError("--no-page serves a model, and --model-server starts none: leave one of them out")
        return _model_server(served_models(arguments), arguments)
    from cli.reading import run_page

    return run_page(arguments)


def served_models(arguments: argparse.Namespace) -> ServedModels:
    """Returns what the arguments say to serve.

    Raises:
        ConfigurationError: there is no model.
    """
    from cli.served_models import of_folder, of_output

    return of_folder(arguments.model) if arguments.model else of_output(arguments.output or DEFAULT_OUTPUT)


def _model_server(models: ServedModels, arguments: argparse.Namespace) -> int:
    from serving.ports import listen
    from serving.server.options import ServerOptions
    from serving.server.process import log_to_stderr, serve

    listen(arguments.host, arguments.grpc_port, flag="--grpc-port").close()
    log_to_stderr()
    models.write_config()
    models.check_files()
    options = ServerOptions(
        models=() if models.config_file else models.configs,
        config_file=models.config_file,
        config_poll_interval_s=1.0,
        allow_unused_labels=True,
        aliases=((DEFAULT_NAME, models.names[0]),),
        host=arguments.host,
        port=arguments.grpc_port,
    )
    serve(options, ready=_announce)
    return 0


def _announce(names: str, address: str) -> None:
    print(f"serving {names} on {address}")
    print(f"try: radflow predict --server {address} FILE...   (Ctrl-C stops the server)", flush=True)
