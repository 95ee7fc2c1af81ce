"""`radflow gateway`: runs the gateway alone, beside a model server that is there already."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Run the gateway: API and reading page, beside a model server. RADFLOW_GATEWAY_... variables configure it "
        "(docs/security.md). Without authentication it serves this machine alone."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is every one [%(default)s]")
    parser.add_argument("--port", type=int, default=8080, help="port, 0 for any free one [%(default)s]")
    parser.add_argument(
        "--model-server", metavar="HOST:PORT", help="instead of RADFLOW_GATEWAY_MODEL_SERVER [127.0.0.1:8500]"
    )
    parser.add_argument("--tls-certificate", type=Path, metavar="PEM", help="certificate chain to speak TLS with")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its private key")


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM.

    Raises:
        ConfigurationError: the environment, the address or the certificate.
    """
    from cli.gateway_storage import problems_as_errors
    from serving.gateway.app import create_app
    from serving.gateway.observability.logs import configure_logs
    from serving.gateway.process import Listener, check_listener, serve_gateway
    from serving.gateway.settings import GatewaySettings

    asked = {"RADFLOW_GATEWAY_MODEL_SERVER": arguments.model_server} if arguments.model_server else {}
    settings = GatewaySettings.from_environment({**os.environ, **asked})
    listener = Listener(arguments.host, arguments.port, arguments.tls_certificate, arguments.tls_key)
    check_listener(listener, settings)
    configure_logs()
    with problems_as_errors():  # the database is away
        app = create_app(settings)
    serve_gateway(app, settings, listener, ready=_announce)
    return 0


def _announce(url: str) -> None:
    print(f"the gateway answers at {url}   (Ctrl-C stops it)", flush=True)
