"""Ports: told to be taken before TensorFlow and the model have loaded for seconds."""

from __future__ import annotations

import socket

from data_schemas.errors import ConfigurationError
from serving.server.options import ServerOptions


def check_free(options: ServerOptions) -> None:
    """Raises for a port that is taken now, rather than after the seconds that TensorFlow and the model take to load.

    Raises:
        ConfigurationError: a port is taken, or both are the same.
    """
    if options.rest_port and options.rest_port == options.port:
        raise ConfigurationError(f"--rest_api_port {options.rest_port} is the gRPC port as well: give REST another one")
    listen(options.host, options.port, flag="--port").close()
    if options.rest_port:
        listen(options.host, options.rest_port, flag="--rest_api_port").close()


def listen(host: str, port: int, *, flag: str) -> socket.socket:
    """Returns a listening socket.

    Raises:
        ConfigurationError: the port is taken, or not one of this machine's.
    """
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        return socket.create_server((bare, port), family=family)
    except (OSError, OverflowError) as error:
        raise cannot_listen(address(host, port), flag=flag) from error


def cannot_listen(where: str, *, flag: str = "--port") -> ConfigurationError:
    """Returns the error for an address that another process has, or that is none."""
    return ConfigurationError(f"cannot listen on {where}: stop what listens there, or choose another with {flag}")


def address(host: str, port: int) -> str:
    """Returns HOST:PORT, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
