"""The gRPC services of TensorFlow Serving that this server answers; messages and codes are TensorFlow Serving's."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.server.errors import RequestError, invalid_argument
from serving.server.models import Models
from serving.server.servable import DEFAULT_SIGNATURE, Array, check_names
from serving.server.served_model import VersionStatus
from serving.tensors import TensorFormatError, to_array, write_values

log = logging.getLogger("serving.server")

_SIGNATURE_DEF = "signature_def"
_Method = Callable[[Any, Any, grpc.ServicerContext], Any]


def _answers(method: _Method) -> _Method:
    """Returns a service method whose RequestError becomes the call's status, and whose bugs tell a client nothing."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except RequestError as error:
            code, details = error.code, error.details
        except Exception as error:  # noqa: BLE001  # a bug in one call must not tell a client more than its name
            # The text of an unforeseen error may quote the request, and with it a patient: only its type is logged.
            log.error("%s failed: %s", method.__name__, type(error).__name__)
            code, details = grpc.StatusCode.INTERNAL, f"unforeseen {type(error).__name__} in the model server"
        return context.abort(code, details)

    return answer


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]  # untyped stub
    """Predict and GetModelMetadata; the other calls answer UNIMPLEMENTED."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @_answers
    def Predict(self, request: Any, _: grpc.ServicerContext) -> Any:  # noqa: N802  # the service's own name
        """Runs one signature of a model."""
        _require_spec(request)
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        with self._models.use(request.model_spec) as (version, servable):
            definition = servable.signature(signature)
            check_names(definition, request.inputs)
            inputs = {name: _decode(name, message) for name, message in request.inputs.items()}
            outputs = servable.run(signature, inputs, outputs=request.output_filter or None)
        return _prediction(request.model_spec.name, signature, version, outputs)

    @_answers
    def GetModelMetadata(self, request: Any, _: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns a model's signatures."""
        _require_spec(request)
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise invalid_argument(f"Metadata field {field} is not supported")
        with self._models.use(request.model_spec) as (version, servable):
            return _metadata(request.model_spec.name, version, servable.signatures)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]  # untyped stub
    """GetModelStatus; HandleReloadConfigRequest answers UNIMPLEMENTED."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @_answers
    def GetModelStatus(self, request: Any, _: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns the states of a model's versions."""
        _require_spec(request)
        spec = request.model_spec
        statuses = self._models.statuses(spec.name)
        if spec.HasField("version"):
            statuses = tuple(status for status in statuses if status.version == spec.version.value)
        if not statuses:
            what = f"version {spec.version.value}" if spec.HasField("version") else "any versions"
            raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find {what} of model {spec.name}")
        return _status_response(statuses)


def _require_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")


def _decode(name: str, message: Any) -> Array:
    try:
        return to_array(message)
    except TensorFormatError as error:
        raise invalid_argument(f"tensor parsing error: {name}") from error


def _prediction(name: str, signature: str, version: int, outputs: Mapping[str, Array]) -> Any:
    response = predict_pb2.PredictResponse()
    response.model_spec.name = name
    response.model_spec.signature_name = signature
    response.model_spec.version.value = version
    for output, array in outputs.items():
        write_values(response.outputs[output], array)
    return response


def _metadata(name: str, version: int, signatures: Mapping[str, Any]) -> Any:
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version
    message = get_model_metadata_pb2.SignatureDefMap()
    for signature, definition in signatures.items():
        message.signature_def[signature].CopyFrom(definition)
    response.metadata[_SIGNATURE_DEF].Pack(message)
    return response


def _status_response(statuses: tuple[VersionStatus, ...]) -> Any:
    response = get_model_status_pb2.GetModelStatusResponse()
    for status in statuses:
        message = response.model_version_status.add(version=status.version, state=int(status.state))
        message.status.error_code = status.code
        message.status.error_message = status.message
    return response
