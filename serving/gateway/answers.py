"""Answers that FastAPI does not make by itself: bytes of patients, which no shared cache may keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse

PNG = "image/png"
OCTETS = "application/octet-stream"

_CHUNK = 1 << 18
_KEPT = "private, max-age=3600, immutable"
"""What an address with a random id gives never changes; the browser that saw it may keep it for an hour."""


def private_json(response: Response) -> None:
    """Says that no cache may keep an answer about patients."""
    response.headers["Cache-Control"] = "private, no-store"


PrivateJson = Depends(private_json)
"""Dependency of every route that answers JSON about patients."""


def etag_of(*parts: object) -> str:
    """Returns the entity tag of what an address with random ids gives."""
    return '"' + "-".join(str(part) for part in parts) + '"'


def unchanged(request: Request, etag: str) -> Response | None:
    """Returns the answer to whoever has it already, or None."""
    asked = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=_headers(etag)) if etag in asked or "*" in asked else None


def picture_response(data: bytes, etag: str) -> Response:
    """Returns an answer with a PNG."""
    return Response(data, headers=_headers(etag), media_type=PNG)


def file_response(path: Path, etag: str, headers: dict[str, str]) -> Response:
    """Returns an answer with a file's bytes, which it holds open: the file may be removed meanwhile."""
    size = path.stat().st_size
    told = {**_headers(etag), **headers, "Content-Length": str(size)}
    return StreamingResponse(_chunks(path.open("rb")), headers=told, media_type=OCTETS)


def binary(media_type: str, about: str) -> dict[int | str, dict[str, Any]]:
    """Returns how OpenAPI describes an answer of bytes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": about, "content": content}, 304: {"description": "The caller has it already"}}


def _headers(etag: str) -> dict[str, str]:
    return {"Cache-Control": _KEPT, "ETag": etag}


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
