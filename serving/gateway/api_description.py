"""The API's description of itself, OpenAPI 3.1: what FastAPI derives from the routes, and what it cannot know."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.gateway.problems import MEDIA_TYPE
from serving.gateway.schemas.problem import Problem

_ABOUT = """
Takes medical images, asks a model server what it makes of them, and keeps cases, predictions and feedback.

Every error has one shape (RFC 9457, `application/problem+json`). Nothing here is a medical device.
"""
_TAGS = {
    "session": "Who asks.",
    "models": "The models that can be asked.",
    "studies": "Cases: uploads of one study each.",
    "images": "The images of a case, and where a model looked.",
    "audit": "What was done by whom; for admins.",
    "operation": "For whoever runs the gateway.",
}


def describe_api(app: FastAPI, *, authenticated: bool) -> None:
    """Makes an application describe itself.

    Args:
        app: with all of its routes.
        authenticated: whether requests have to say who they are.
    """

    def description() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app, authenticated)
        return app.openapi_schema

    app.openapi = description  # type: ignore[method-assign]  # FastAPI's documented way


def _description(app: FastAPI, authenticated: bool) -> dict[str, Any]:
    tags = [{"name": name, "description": about} for name, about in _TAGS.items()]
    found = get_openapi(
        title=app.title, version="1", openapi_version="3.1.0", description=_ABOUT, routes=app.routes, tags=tags
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    examples = read_examples()
    for path in found["paths"].values():
        for operation in path.values():
            _say_errors(operation)
            _show_bodies(operation, examples)
    if authenticated:
        bearer = {"type": "http", "scheme": "bearer", "description": "An API key, or a token of the OpenID issuer."}
        found["components"]["securitySchemes"] = {"bearer": bearer}
        found["security"] = [{"bearer": []}]
    return found


def read_examples() -> dict[str, Any]:
    """Returns an example of each body, by the name of its schema."""
    text = (importlib.resources.files(__package__) / "api_examples.json").read_text(encoding="utf-8")
    examples: dict[str, Any] = json.loads(text)
    return examples


def _show_bodies(operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    """Puts an example beside each JSON body that an operation takes or answers."""
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        media = body.get("content", {}).get("application/json")
        if media is None:
            continue
        schema = media["schema"]
        name = (schema if "$ref" in schema else schema["items"])["$ref"].rsplit("/", 1)[-1]
        media["example"] = examples[name] if "$ref" in schema else [examples[name]]


def _say_errors(operation: dict[str, Any]) -> None:
    """Says of an operation that whatever is not foreseen otherwise is a problem; FastAPI's own 422 is none of ours."""
    operation["responses"].pop("422", None)
    example = {
        "type": "/problems/not-found",
        "title": "There is no such thing, or it is not yours",
        "status": 404,
        "detail": "there is no such case",
        "request_id": "5f0c6e1b7a7d4d0c9a54a3d7f1c0b9e2",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    operation["responses"]["default"] = {
        "description": "A problem (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }
