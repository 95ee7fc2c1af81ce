"""TensorFlow Serving's REST interface as an ASGI application, and Prometheus' page (http_rest_api_handler.cc)."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server import rest_answers, rest_requests
from serving.server.answering import REST, SIGNATURE_DEF, Answers
from serving.server.errors import RequestError, invalid_argument
from serving.server.inference import signature_name
from serving.server.options import RestOptions
from serving.server.servable import check_names

log = logging.getLogger("serving.server")

_MODEL = r"/v1/models(?:/(?P<name>[^/:]+))?(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"(?i:{_MODEL}:(?P<method>classify|regress|predict))")
_GET = re.compile(rf"(?i:{_MODEL}(?:/(?P<part>metadata))?)")
_MAX_VERSION = 2**63 - 1
_STATUS = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


def rest_app(answers: Answers, workers: Executor, settings: RestOptions) -> Starlette:
    """Returns the application.

    Args:
        answers: what answers.
        workers: threads that calls are computed on.
        settings: limits, and what else is served.
    """
    api = _Api(answers, workers, settings)
    routes = [Route("/v1/{rest:path}", api.handle, methods=["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])]
    if settings.metrics_path is not None:
        routes.insert(0, Route(settings.metrics_path, api.metrics, methods=["GET"]))
    return Starlette(routes=routes)


class _Api:
    def __init__(self, answers: Answers, workers: Executor, settings: RestOptions) -> None:
        self._answers = answers
        self._workers = workers
        self._settings = settings

    async def metrics(self, _: Request) -> Response:
        return PlainTextResponse(self._answers.metrics.page())

    async def handle(self, request: Request) -> Response:
        try:
            body = await self._body(request)
            work = self._work(request.method, _raw_path(request), body)
            text = await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(self._workers, work), self._settings.timeout_s
            )
            return self._response(text, HTTPStatus.OK)
        except _TooLargeError as error:
            return self._error(str(error), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except RequestError as error:
            return self._error(error.message, _STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR))
        except (TimeoutError, asyncio.TimeoutError):
            return self._error(f"no answer within {self._settings.timeout_s:g} s", HTTPStatus.GATEWAY_TIMEOUT)
        except Exception as error:  # noqa: BLE001  # a bug in one call must not tell a client more than its name
            log.error("a REST call failed: %s", type(error).__name__)
            return self._error(
                f"unforeseen {type(error).__name__} in the model server", HTTPStatus.INTERNAL_SERVER_ERROR
            )

    def _response(self, text: str, status: int) -> Response:
        headers = _CORS if self._settings.cors else {}
        return Response(text.encode("utf-8"), status, headers, media_type="application/json")

    def _error(self, message: str, status: int) -> Response:
        return self._response(json.dumps({"error": message}), status)

    async def _body(self, request: Request) -> bytes:
        """Returns the body.

        Raises:
            _TooLargeError: it is longer than allowed; no more than that was read.
        """
        most, chunks, size = self._settings.max_body_bytes, [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise _TooLargeError(
                    f"the body has more than {most} bytes: send it over gRPC, or raise --rest_api_max_body_bytes"
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _work(self, http_method: str, path: str, body: bytes) -> Callable[[], str]:
        """Returns what computes the answer's text.

        Raises:
            RequestError: INVALID_ARGUMENT, the path is none of the interface's.
        """
        match = {"POST": _POST, "GET": _GET}.get(http_method, re.compile(r"\b\B")).fullmatch(path)
        if match is None:
            raise invalid_argument(f"Malformed request: {http_method} {path}")
        found = match.groupdict()
        if found.get("method") and not found["name"]:
            raise invalid_argument(f"Malformed request: {http_method} {path}")
        if http_method == "POST":
            run = {"predict": self._predict, "classify": self._classify, "regress": self._regress}
            return lambda: run[found["method"].lower()](found, body)
        if not found["name"]:
            raise invalid_argument("Missing model name in request.")
        return lambda: self._metadata(found) if found["part"] else self._status(found)

    def _predict(self, found: dict[str, str], body: bytes) -> str:
        request = predict_pb2.PredictRequest()
        _fill_spec(request.model_spec, found)
        with self._answers.counted_rest_predict(request.model_spec.name):
            document = rest_requests.parse(body)
            request.model_spec.signature_name = rest_requests.signature(document)
            outputs, rows = self._run_predict(request, document)
            return rest_answers.write_predictions(outputs, rows=rows)

    def _run_predict(self, request: Any, document: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        name = signature_name(request.model_spec)
        with self._answers.models.use(request.model_spec) as (_, model):
            definition = model.signatures.get(name)
            if definition is None:
                raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
            inputs = rest_requests.predict_inputs(document, definition.inputs)
            check_names(definition, inputs.arrays)
            return model.run(name, inputs.arrays), inputs.rows

    def _classify(self, found: dict[str, str], body: bytes) -> str:
        request = _examples_request(classification_pb2.ClassificationRequest(), found, body)
        return rest_answers.write_classes(self._answers.classify(request, REST).result)

    def _regress(self, found: dict[str, str], body: bytes) -> str:
        request = _examples_request(regression_pb2.RegressionRequest(), found, body)
        return rest_answers.write_regressions(self._answers.regress(request, REST).result)

    def _status(self, found: dict[str, str]) -> str:
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill_spec(request.model_spec, found)
        return json.dumps(_as_dict(self._answers.status(request)), indent=1)

    def _metadata(self, found: dict[str, str]) -> str:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[SIGNATURE_DEF])
        _fill_spec(request.model_spec, found)
        response = self._answers.metadata(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[SIGNATURE_DEF].Unpack(signatures)
        document = {
            "model_spec": _as_dict(response.model_spec),
            "metadata": {SIGNATURE_DEF: _as_dict(signatures)},
        }
        return json.dumps(document, indent=1)


class _TooLargeError(Exception):
    """A body is longer than allowed."""


def _raw_path(request: Request) -> str:
    """Returns the path as it was sent: a name may hold an escaped `/` or `:`."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.decode("latin-1").partition("?")[0]


def _fill_spec(spec: Any, found: dict[str, str]) -> None:
    spec.name = unquote(found["name"])
    if found["version"]:
        if int(found["version"]) > _MAX_VERSION:
            raise invalid_argument(f"Failed to convert version: {found['version']} to numeric.")
        spec.version.value = int(found["version"])
    if found["label"]:
        spec.version_label = unquote(found["label"])


def _examples_request(request: Any, found: dict[str, str], body: bytes) -> Any:
    _fill_spec(request.model_spec, found)
    document = rest_requests.parse(body)
    request.model_spec.signature_name = rest_requests.signature(document)
    rest_requests.fill_examples(document, request.input)
    return request


def _as_dict(message: Any) -> dict[str, Any]:
    """Returns a message as TensorFlow Serving writes it: with the .proto's names, and fields that have no value."""
    convert: Any = json_format.MessageToDict
    # Protobuf 5 renamed the option that protobuf 3.20 has.
    everything = "including_default_value_fields"
    if everything not in inspect.signature(convert).parameters:
        everything = "always_print_fields_with_no_presence"
    converted: dict[str, Any] = convert(message, preserving_proto_field_name=True, **{everything: True})
    return converted
