"""How large a request's body may be, and how slow.

A length that is announced is refused before a byte is read; one that is not (chunked) as soon as it is passed. A body
that trickles, to keep the gateway waiting, is given up. Whatever is refused closes the connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.gateway.middleware.problem_answers import problem_messages
from serving.gateway.middleware.scope_values import header, state
from serving.gateway.problems import TOO_LARGE, TOO_SLOW, ProblemError

_LEAST_BYTES_PER_S = 1024
"""On the whole, once a body has made us wait for `idle_s`; the slowest modem that sent films did 2 KiB/s."""
_NOTHING: Message = {"type": "http.disconnect"}
_DRAIN_S = 15.0
"""For how long the rest of a refused body is read and dropped: a peer that is cut off while it sends sees no answer."""
_DRAIN_IDLE_S = 2.0
"""For how long such a body may stand still."""


class BodyLimits:
    """Counts a body as it streams.

    Args:
        app: what is called.
        limit: bytes that a request may have.
        idle_s: seconds that the gateway waits for the next piece.
    """

    def __init__(self, app: ASGIApp, *, limit: Callable[[Scope], int], idle_s: float) -> None:
        self._app = app
        self._limit = limit
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the app, and answers 413 or 408 in its place where the body is refused."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, limit=self._limit(scope), idle_s=self._idle_s)
        answer = _Answer(body, send)
        if body.problem is None:
            try:
                await self._app(scope, body.receive, answer.send)
            except Exception:
                if body.problem is None:
                    raise
        state(scope)["body_bytes"] = body.received
        if body.problem is not None and not answer.started:
            await answer.refuse(scope, body.problem)


class _Body:
    """A request's body on its way in.

    Attributes:
        received: bytes so far.
        complete: whether all of it was read; a request without body is complete from the beginning.
        problem: why it is refused.
    """

    def __init__(self, scope: Scope, receive: Receive, *, limit: int, idle_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._idle_s = idle_s
        self._waited = 0.0
        length = header(scope, b"content-length") or ""
        self.received = 0
        self.complete = header(scope, b"transfer-encoding") is None and length in ("", "0")
        self.expects = header(scope, b"expect") is not None  # the peer waits before it sends anything
        self.problem = self._too_large() if length.isdecimal() and int(length) > limit else None

    def _too_large(self) -> ProblemError:
        return ProblemError(
            TOO_LARGE, f"The request's body is larger than the {self._limit} bytes that are taken here."
        )

    def _too_slow(self) -> ProblemError:
        return ProblemError(
            TOO_SLOW,
            f"The request's body stood still for {self._idle_s:g} s, or came slower than {_LEAST_BYTES_PER_S} bytes/s.",
        )

    async def receive(self) -> Message:
        """Returns the next message.

        Raises:
            ProblemError: TOO_LARGE or TOO_SLOW, now and whenever it is called again.
        """
        if self.problem is None and self.complete:
            return await self._receive()
        if self.problem is None:
            message = await self._next()
        if self.problem is not None:
            raise self.problem
        return message

    async def _next(self) -> Message:
        began, message = time.monotonic(), _NOTHING
        with anyio.move_on_after(self._idle_s):  # cheaper than asyncio.wait_for, which makes a task of each piece
            message = await self._receive()
        if message is _NOTHING:
            self.problem = self._too_slow()
            return message
        self._waited += time.monotonic() - began
        self._count(message)
        return message

    def _count(self, message: Message) -> None:
        self.received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self.received > self._limit:
            self.problem = self._too_large()
        elif not self.complete and self._waited > self._idle_s and self.received < self._waited * _LEAST_BYTES_PER_S:
            self.problem = self._too_slow()

    async def drain(self) -> None:
        """Reads and drops what still comes, for a short while."""
        until = time.monotonic() + _DRAIN_S
        while not self.complete and not self.expects and time.monotonic() < until:
            message = _NOTHING
            with anyio.move_on_after(_DRAIN_IDLE_S):
                message = await self._receive()
            if not message.get("more_body", False):
                return


class _Answer:
    """An answer on its way out; one that is given before the body was read closes the connection.

    Attributes:
        started: whether its status was sent.
    """

    def __init__(self, body: _Body, send: Send) -> None:
        self._body = body
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        """Sends a message of the app, unless the body was refused meanwhile and the app answers that in its own way."""
        if self._body.problem is not None and not self.started:
            return
        if message["type"] == "http.response.start":
            self.started = True
            if not self._body.complete:
                message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        elif not self._body.complete and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def refuse(self, scope: Scope, problem: ProblemError) -> None:
        """Answers a problem, and closes the connection."""
        start, content = problem_messages(problem, scope)
        start["headers"] = [*start["headers"], (b"connection", b"close")]
        self.started = True
        await self._send(start)
        await self._send({"type": "http.response.body", "body": content, "more_body": True})
        await self._body.drain()
        await self._send({"type": "http.response.body", "body": b""})
