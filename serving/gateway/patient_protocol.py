"""HTTP/1.1 whose patience with a request's headers ends: uvicorn's own waits for the first one for ever."""

from __future__ import annotations

import asyncio
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_READ_BYTES = 256 * 1024
HEADERS_S = 20.0
"""Seconds from the connection, or from a request's first byte, to the end of its headers."""


class PatientProtocol(H11Protocol):
    """Closes a connection whose headers do not come, or trickle (slowloris)."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begins to wait."""
        super().connection_made(transport)
        _send_at_once(transport)
        # Bytes that one read of asyncio's transports takes, with TLS or without. Smaller pieces cost more of Python for
        # each byte (64 KiB nearly half as much again), larger ones keep the turn of each upload longer.
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]  # no part of the abstract class
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Takes what came; waits on while headers are missing."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADERS_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()


def _send_at_once(transport: asyncio.Transport) -> None:
    """Turns Nagle's algorithm off, which holds an answer's body back until its head is acknowledged: up to 40 ms.

    asyncio does so for sockets that say that they are TCP; those of `socket.create_server` do not.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
