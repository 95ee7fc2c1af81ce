"""Listening sockets of both servers, and what a user is told of a port that cannot be had."""

from __future__ import annotations

import errno
import socket

from data_schemas.errors import ConfigurationError

_LAST_PORT = 65535


def listen(host: str, port: int, *, flag: str, backlog: int | None = None) -> socket.socket:
    """Returns a listening socket.

    Args:
        host: a name or an address, an IPv6 one in brackets or without.
        port: 0 for any free one.
        flag: how the user says the port.
        backlog: connections that may wait to be accepted; the system's number unless given.

    Raises:
        ConfigurationError: the port is taken or no port, or the host not this machine's.
    """
    if not 0 <= port <= _LAST_PORT:
        raise ConfigurationError(f"{flag} {port}: a port is a number from 0 to {_LAST_PORT}")
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        return socket.create_server((bare, port), family=family, backlog=backlog)
    except OSError as error:
        raise cannot_listen(address(host, port), flag=flag, error=error) from error


def cannot_listen(where: str, *, flag: str = "--port", error: OSError | None = None) -> ConfigurationError:
    """Returns the error for an address that another process has, unless `error` says that it is for something else."""
    if error is None or error.errno == errno.EADDRINUSE:
        return ConfigurationError(f"cannot listen on {where}: stop what listens there, or choose another with {flag}")
    if error.errno == errno.EACCES:
        return ConfigurationError(f"cannot listen on {where}: ports below 1024 need rights; choose another with {flag}")
    return ConfigurationError(f"cannot listen on {where}: {error.strerror}; give an address of this machine")


def address(host: str, port: int) -> str:
    """Returns HOST:PORT, an IPv6 host in brackets."""
    return f"{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    """Returns a host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
