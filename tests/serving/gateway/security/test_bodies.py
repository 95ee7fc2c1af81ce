"""Bodies over real HTTP: too large, chunked, lying, slow."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from serving.gateway import patient_protocol
from serving.gateway.middleware import body_limits

MIB = 1024 * 1024
PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'


@pytest.fixture
def port(surrounded, listening) -> int:
    app = surrounded(max_request_bytes=200_000, max_json_bytes=2_000, body_idle_s=0.5)
    return listening(app.app)


@dataclass(frozen=True)
class Answer:
    status: int
    connection: str | None
    body: Any

    def is_refused(self, status: int) -> bool:
        return self.status == status == self.body["status"] and self.connection == "close"


def post(port: int, path: str, body: Any, *, headers: dict[str, str] | None = None) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", path, body, headers or {}, encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers["connection"], json.loads(answer.read()))


def test_a_body_within_the_limit_is_taken_whole(port: int):
    answer = post(port, "/api/v1/raw", b"x" * 2_000)
    assert answer.body == {"bytes": 2_000}
    assert answer.connection is None


def test_one_byte_more_is_refused(port: int):
    assert post(port, "/api/v1/raw", b"x" * 2_001).is_refused(413)


def test_an_upload_may_have_more_than_other_requests(port: int):
    body = PART + b"x" * 100_000 + b"\r\n--b--\r\n"
    answer = post(port, "/api/v1/studies", body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.body == {"bytes": 100_000}


def test_an_announced_length_is_refused_before_anything_is_sent(port: int):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        head = b"POST /api/v1/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200001\r\n"
        raw.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_peer_that_sends_on_still_sees_the_answer(port: int):
    """A connection that is cut while the peer sends is reset, and the answer with it."""
    assert post(port, "/api/v1/studies", b"x" * 20 * MIB).is_refused(413)


def test_a_chunked_body_is_counted(port: int):
    def pieces() -> Iterator[bytes]:
        yield PART
        for _ in range(300):
            yield b"x" * 1_000

    head = {"Content-Type": "multipart/form-data; boundary=b", "Transfer-Encoding": "chunked"}
    assert post(port, "/api/v1/studies", pieces(), headers=head).is_refused(413)
    assert post(port, "/api/v1/raw", pieces(), headers={"Transfer-Encoding": "chunked"}).is_refused(413)


def test_a_chunked_body_within_the_limit_is_taken(port: int):
    answer = post(port, "/api/v1/raw", iter([b"a" * 900, b"b" * 900]), headers={"Transfer-Encoding": "chunked"})
    assert answer.body == {"bytes": 1_800}


def test_an_endless_chunked_body_to_no_route_is_cut_off(port: int, monkeypatch):
    monkeypatch.setattr(body_limits, "_DRAIN_S", 1.0)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        began = time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - began < 20:
                raw.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
                time.sleep(0.001)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 0x10\r\n",
        b"X-Bad: a\x00b\r\n",
        b"Host: second\r\n",
    ],
)
def test_ambiguous_requests_are_refused(port: int, headers: bytes):
    """Two readings of where a request ends let one hide another (request smuggling)."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall(b"POST /api/v1/raw HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\nhello")
        assert raw.recv(4096).startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))


def test_a_body_that_stands_still_is_given_up(port: int):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"POST /api/v1/raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello")
        began = time.monotonic()
        assert raw.recv(4096).startswith(b"HTTP/1.1 408")
        assert 0.4 < time.monotonic() - began < 5


def test_a_body_that_trickles_is_given_up(port: int):
    """Slowloris: a byte now and then never stands still for long."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as raw:
        raw.sendall(b"POST /api/v1/raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        began, answer = time.monotonic(), b""
        while not answer and time.monotonic() - began < 10:
            raw.sendall(b"x")
            try:
                answer = raw.recv(4096)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_headers_that_do_not_come_are_given_up(surrounded, listening, monkeypatch, sent: bytes):
    monkeypatch.setattr(patient_protocol, "HEADERS_S", 0.3)
    with socket.create_connection(("127.0.0.1", listening(surrounded().app)), timeout=5) as raw:
        raw.sendall(sent)
        assert raw.recv(100) == b""


def test_trickling_headers_are_given_up(surrounded, listening, monkeypatch):
    monkeypatch.setattr(patient_protocol, "HEADERS_S", 0.3)
    with socket.create_connection(("127.0.0.1", listening(surrounded().app)), timeout=0.05) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        began, closed = time.monotonic(), False
        while not closed and time.monotonic() - began < 5:
            try:
                raw.sendall(b"X-A: b\r\n")
                closed = raw.recv(100) == b""
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                closed = True
        assert closed


def test_a_connection_is_kept_for_a_second_request(surrounded, listening, monkeypatch):
    monkeypatch.setattr(patient_protocol, "HEADERS_S", 0.3)
    connection = http.client.HTTPConnection("127.0.0.1", listening(surrounded().app), timeout=5)
    for _ in range(3):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"alive"
        time.sleep(0.4)
    connection.close()


def test_the_event_loop_is_free_while_a_body_waits(port: int):
    async def both() -> float:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/v1/raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello")
        await writer.drain()
        began = time.monotonic()
        await asyncio.to_thread(lambda: post(port, "/api/v1/raw", b"x"))
        writer.close()
        return time.monotonic() - began

    assert asyncio.run(both()) < 0.4
