"""Answers of bytes, which FastAPI does not make by itself: pictures, and files as they go.

What a random id names never changes, so that each has an entity tag. The middleware keeps all of it out of caches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

PNG = "image/png"
OCTETS = "application/octet-stream"

_CHUNK = 1 << 18


def etag_of(*parts: object) -> str:
    """Returns the entity tag of what an address with random ids gives."""
    return '"' + "-".join(str(part) for part in parts) + '"'


def unchanged(request: Request, etag: str) -> Response | None:
    """Returns the answer to whoever has it already, or None."""
    asked = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers={"ETag": etag}) if etag in asked or "*" in asked else None


def picture_response(data: bytes, etag: str) -> Response:
    """Returns an answer with a PNG."""
    return Response(data, headers={"ETag": etag}, media_type=PNG)


def file_response(path: Path, etag: str, headers: dict[str, str]) -> Response:
    """Returns an answer with a file's bytes, which it holds open: the file may be removed meanwhile."""
    size = path.stat().st_size
    told = {"ETag": etag, **headers, "Content-Length": str(size)}
    return _FileResponse(path.open("rb"), headers=told, media_type=OCTETS)


def binary(media_type: str, about: str) -> dict[int | str, dict[str, Any]]:
    """Returns how OpenAPI describes an answer of bytes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": about, "content": content}, 304: {"description": "The caller has it already"}}


class _FileResponse(StreamingResponse):
    """Sends an open file, and closes it even where the caller has gone before the first byte."""

    def __init__(self, file: BinaryIO, **how: Any) -> None:
        super().__init__(iter(lambda: file.read(_CHUNK), b""), **how)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)
