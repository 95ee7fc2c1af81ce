"""The reading page: one document and its files, built by vite and shipped in the package."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from serving.gateway.problems import NOT_FOUND, ProblemError

router = APIRouter(include_in_schema=False)

DIST = Path(__file__).parents[1] / "page" / "dist"
_IMMUTABLE = "public, max-age=31536000, immutable"
"""Of files whose names hold a hash of what is in them."""


@router.get("/")
def get_page() -> Response:
    """Gives the page, which asks the API for everything else."""
    return _file("index.html", "no-cache")


@router.get("/favicon.svg")
def get_icon() -> Response:
    """Gives the page's icon."""
    return _file("favicon.svg", "public, max-age=86400")


@router.get("/assets/{name}")
def get_asset(name: str) -> Response:
    """Gives one of the page's files."""
    return _file(f"assets/{name}", _IMMUTABLE)


def _file(name: str, cache: str) -> Response:
    path = (DIST / name).resolve()
    if DIST.resolve() not in path.parents or not path.is_file():
        raise ProblemError(NOT_FOUND, "the page has no such file")
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, media_type=media_type, headers={"Cache-Control": cache})
