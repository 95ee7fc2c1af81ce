"""The gateway as a process: it listens, says where, and stops without cutting an answer off."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from data_schemas.errors import ConfigurationError
from serving import ports
from serving.gateway.patient_protocol import PatientProtocol
from serving.gateway.settings import GatewaySettings

_GRACE_S = 30
"""How long requests may go on after the signal to stop: as long as Kubernetes waits."""
_BACKLOG = 512
_KEEP_ALIVE_S = 15
_SWITCH_S = 0.001
"""How long a thread may keep the interpreter from the event loop; Python's own 5 ms add up among busy threads."""
_MAX_HEADER_BYTES = 32 * 1024
"""Of a request's line and headers together; tokens of some issuers have 10 KiB."""


@dataclass(frozen=True)
class Listener:
    """Where the gateway listens.

    Attributes:
        host: a name or an address.
        port: 0 for any free one.
        certificate, key: PEM files; with both, it speaks TLS 1.2 or later alone.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    certificate: Path | None = None
    key: Path | None = None

    @property
    def scheme(self) -> str:
        """How a browser asks."""
        return "https" if self.certificate else "http"


def check_listener(listener: Listener, settings: GatewaySettings) -> None:
    """Raises unless the gateway may listen there.

    Raises:
        ConfigurationError: others than this machine could ask, and nobody has to say who they are; or one of
            certificate and key is missing.
    """
    if not settings.authenticated and not _is_loopback(listener.host):
        raise ConfigurationError(
            f"--host {listener.host}: without authentication the gateway listens on 127.0.0.1 alone; set "
            "RADFLOW_GATEWAY_API_KEYS_FILE or RADFLOW_GATEWAY_OIDC_ISSUER (docs/security.md)"
        )
    if (listener.certificate is None) != (listener.key is None):
        raise ConfigurationError("--tls-certificate and --tls-key are given together, or neither")


def _is_loopback(host: str) -> bool:
    """Returns whether every address of a host is this machine's own."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"--host {host}: no such host") from error
    return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback for entry in found)


def serve_gateway(
    app: ASGIApp,
    settings: GatewaySettings,
    listener: Listener,
    *,
    ready: Callable[[str], None],
    listening: socket.socket | None = None,
    ending: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT; call it on the main thread.

    Args:
        app: of `serving.gateway.app.create_app`.
        settings: of the gateway.
        listener: where.
        ready: called once with the URL, when requests are answered.
        listening: a socket of `listener` that `listen` gave before.
        ending: called once, when the signal has come and before the requests that go on have their time.

    Raises:
        ConfigurationError: it may not listen there, the port is taken, or the certificate cannot be used.
    """
    check_listener(listener, settings)
    config = _web_server(app, settings, listener)
    _load(config)
    sys.setswitchinterval(_SWITCH_S)
    with listening or listen(listener) as taken:
        port = taken.getsockname()[1]
        url = f"{listener.scheme}://{ports.bracketed(listener.host)}:{port}"
        _Server(config, lambda: ready(url), ending).run([taken])


def _web_server(app: ASGIApp, settings: GatewaySettings, listener: Listener) -> uvicorn.Config:
    """Returns how uvicorn serves the gateway: what it logs, believes of proxies, and how long it waits for whom."""
    return uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=listener.certificate,
        ssl_keyfile=listener.key,
    )


def _load(config: uvicorn.Config) -> None:
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(f"the TLS certificate or its key cannot be used: {error}") from error


def listen(listener: Listener) -> socket.socket:
    """Returns a socket that listens.

    Raises:
        ConfigurationError: the port is taken or no port, or the host not this machine's.
    """
    return ports.listen(listener.host, listener.port, flag="--port", backlog=_BACKLOG)


class _Server(uvicorn.Server):
    """Says when it has started and when it ends; one whose start failed ends with uvicorn's exit code."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._ending = ready, ending

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Takes the signals, and ends well: uvicorn would raise them again once everything is closed."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then says so."""
        await super().startup(sockets)
        if self.started:
            asyncio.get_running_loop().call_soon(self._ready)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Says that it ends, then does."""
        self._ending()
        await super().shutdown(sockets)
