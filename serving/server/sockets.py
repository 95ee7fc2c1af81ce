"""The server's ports: told to be taken before TensorFlow and the model have loaded for seconds."""

from __future__ import annotations

from data_schemas.errors import ConfigurationError
from serving.ports import listen
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
