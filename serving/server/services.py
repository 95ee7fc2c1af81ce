"""The gRPC services of TensorFlow Serving; messages and codes are TensorFlow Serving's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.server.answering import Answers
from serving.server.errors import RequestError

log = logging.getLogger("serving.server")


def _answer(method: Callable[..., Any], request: Any, context: grpc.ServicerContext) -> Any:
    """Returns what a method answers; its RequestError becomes the call's status, and its bugs tell a client nothing.

    A call whose caller has gone while it waited for a thread is not computed.
    """
    if not context.is_active():
        return context.abort(grpc.StatusCode.CANCELLED, "the caller no longer waits")
    try:
        return method(request)
    except RequestError as error:
        code, details = error.code, error.details
    except Exception as error:  # noqa: BLE001  # a bug in one call must not tell a client more than its name
        # The text of an unforeseen error may quote the request, and with it a patient: only its type is logged.
        log.error("%s failed: %s", method.__name__, type(error).__name__)
        code, details = grpc.StatusCode.INTERNAL, f"unforeseen {type(error).__name__} in the model server"
    return context.abort(code, details)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]  # untyped stub
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # the service's own name
        """Runs one signature of a model."""
        return _answer(self._answers.predict, request, context)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Runs a signature from examples to classes and scores."""
        return _answer(self._answers.classify, request, context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Runs a signature from examples to a number each."""
        return _answer(self._answers.regress, request, context)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Classifies and regresses the same examples."""
        return _answer(self._answers.multi_inference, request, context)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns a model's signatures."""
        return _answer(self._answers.metadata, request, context)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]  # untyped stub
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns the states of a model's versions."""
        return _answer(self._answers.status, request, context)

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Takes over another configuration."""

        def reload(message: Any) -> Any:
            return self._answers.reload(message, context.is_active)

        return _answer(reload, request, context)
