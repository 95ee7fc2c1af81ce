"""The calls of TensorFlow Serving's API, for gRPC and REST alike: a request message in, a response message out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server.config_file import model_configs
from serving.server.errors import RequestError, invalid_argument
from serving.server.inference import (
    CLASSIFY,
    REGRESS,
    check_method,
    count_examples,
    run_classify,
    run_multi_inference,
    run_predict,
    run_regress,
    signature_name,
)
from serving.server.metrics import Metrics
from serving.server.models import Models
from serving.server.servable import Array
from serving.server.served_model import State, VersionStatus
from serving.tensors import write_content, write_values

SIGNATURE_DEF = "signature_def"
GRPC, REST = "GRPC", "REST"
_EXAMPLE_APIS = {"classify": (run_classify, CLASSIFY), "regress": (run_regress, REGRESS)}
_UNKNOWN_MODEL = ""
_WAIT_S = 0.1


@dataclass(frozen=True)
class Answers:
    """Answers requests.

    Attributes:
        models: what is served.
        metrics: what requests are counted in.
        as_content: numbers of a PredictResponse are packed in `tensor_content`
            (`--enable_serialization_as_tensor_content`).
        method_name_check: Classify and Regress take signatures of their own method_name only
            (`--enable_signature_method_name_check`).
    """

    models: Models
    metrics: Metrics
    as_content: bool = False
    method_name_check: bool = False

    def predict(self, request: Any) -> Any:
        """Returns the PredictResponse.

        Raises:
            RequestError: what the call ends with; so do all of these methods.
        """
        _require_spec(request)
        with self._counted("predict", GRPC, request.model_spec.name):
            outputs, version = self.run_predict(request)
            return self._prediction(request.model_spec, version, outputs)

    def run_predict(self, request: Any) -> tuple[dict[str, Array], int]:
        """Returns the outputs of a PredictRequest, and the version that computed them."""
        with self.models.use(request.model_spec) as (version, model), self._timed("predict", request.model_spec.name):
            return run_predict(model, request), version

    def classify(self, request: Any, entrypoint: str = GRPC) -> Any:
        """Returns the ClassificationResponse."""
        _require_spec(request)
        response = classification_pb2.ClassificationResponse()
        return self._inferred("classify", entrypoint, request, response)

    def regress(self, request: Any, entrypoint: str = GRPC) -> Any:
        """Returns the RegressionResponse."""
        _require_spec(request)
        response = regression_pb2.RegressionResponse()
        return self._inferred("regress", entrypoint, request, response)

    def multi_inference(self, request: Any) -> Any:
        """Returns the MultiInferenceResponse."""
        if not request.tasks or not request.tasks[0].HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        first = request.tasks[0].model_spec
        with self._counted("multi_inference", GRPC, first.name), self.models.use(first) as (version, model):
            response = inference_pb2.MultiInferenceResponse(results=run_multi_inference(model, request))
            for task, result in zip(request.tasks, response.results, strict=True):
                _fill_spec(result.model_spec, task.model_spec, version)
            return response

    def metadata(self, request: Any) -> Any:
        """Returns the GetModelMetadataResponse: the signatures."""
        _require_spec(request)
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != SIGNATURE_DEF:
                raise invalid_argument(f"Metadata field {field} is not supported")
        with self.models.use(request.model_spec) as (version, model):
            return _metadata(request.model_spec.name, version, model.signatures)

    def status(self, request: Any) -> Any:
        """Returns the GetModelStatusResponse: the states of a model's versions."""
        _require_spec(request)
        name = request.model_spec.name
        number = self.models.version(request.model_spec)
        statuses = self.models.statuses(name)
        if number is not None:
            statuses = tuple(status for status in statuses if status.version == number)
        if not statuses:
            what = "any versions" if number is None else f"version {number}"
            raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find {what} of model {name}")
        return _status_response(statuses)

    def reload(self, request: Any, is_active: Callable[[], bool] = lambda: True) -> Any:
        """Takes over the configuration of a ReloadConfigRequest; returns once every new model is there.

        Args:
            request: the request.
            is_active: says whether the caller still waits.
        """
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported"
            )
        try:
            configs = model_configs(request.config.model_config_list)
        except ValueError as error:
            raise invalid_argument(str(error)) from error
        new = self.models.configure(configs)
        self.models.poll()
        self._wait_for(new, is_active)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = 0
        return response

    def _wait_for(self, new: frozenset[str], is_active: Callable[[], bool]) -> None:
        """Waits until each of these models has a version; loads that failed are tried again by the polling thread."""
        while pending := new.intersection(self.models.pending()):
            failed = pending.intersection(self.models.failed())
            if failed:
                listed = "".join(
                    f"{{name: {name} version: {status.version}}}, "
                    for name in sorted(failed)
                    for status in self.models.statuses(name)
                    if status.state is State.END
                )
                raise RequestError(grpc.StatusCode.UNKNOWN, f"Some models did not become available: {{{listed}}}")
            if not is_active():
                raise RequestError(grpc.StatusCode.CANCELLED, "the caller no longer waits")
            time.sleep(_WAIT_S)

    def _inferred(self, api: str, entrypoint: str, request: Any, response: Any) -> Any:
        name, (run, method) = request.model_spec.name, _EXAMPLE_APIS[api]
        with self._counted(api, entrypoint, name), self.models.use(request.model_spec) as (version, model):
            if self.method_name_check:
                check_method(model, request.model_spec, method)
            with self._timed(api, name):
                response.result.CopyFrom(run(model, request))
            _fill_spec(response.model_spec, request.model_spec, version)
        self._count_examples(name, count_examples(request.input))
        return response

    def _prediction(self, spec: Any, version: int, outputs: Mapping[str, Array]) -> Any:
        response = predict_pb2.PredictResponse()
        _fill_spec(response.model_spec, spec, version)
        write = write_content if self.as_content else write_values
        for output, array in outputs.items():
            write(response.outputs[output], array)
        return response

    def _label(self, name: str) -> str:
        """Returns a model's name as a metric's label; what a client made up is none, or it could make up any number."""
        return name if self.models.known(name) else _UNKNOWN_MODEL

    @contextmanager
    def _counted(self, api: str, entrypoint: str, name: str) -> Iterator[None]:
        started, status = time.monotonic(), "OK"
        try:
            yield
        except RequestError as error:
            status = error.code.name
            raise
        except Exception:
            status = grpc.StatusCode.INTERNAL.name
            raise
        finally:
            label = self._label(name)
            self.metrics.requests.add(label, status)
            self.metrics.request_latency.observe((time.monotonic() - started) * 1e6, label, api, entrypoint)

    def counted_rest_predict(self, name: str) -> Any:
        """Counts a predict request that came over REST while the block runs."""
        return self._counted("predict", REST, name)

    @contextmanager
    def _timed(self, api: str, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.metrics.runtime_latency.observe((time.monotonic() - started) * 1e6, self._label(name), api, "TF1")

    def _count_examples(self, name: str, count: int) -> None:
        self.metrics.examples.observe(count, self._label(name))
        self.metrics.examples_total.add(self._label(name), by=count)


def _require_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")


def _fill_spec(answered: Any, asked: Any, version: int) -> None:
    answered.name = asked.name
    answered.signature_name = signature_name(asked)
    answered.version.value = version


def _metadata(name: str, version: int, signatures: Mapping[str, Any]) -> Any:
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version
    message = get_model_metadata_pb2.SignatureDefMap()
    for signature, definition in signatures.items():
        message.signature_def[signature].CopyFrom(definition)
    response.metadata[SIGNATURE_DEF].Pack(message)
    return response


def _status_response(statuses: tuple[VersionStatus, ...]) -> Any:
    response = get_model_status_pb2.GetModelStatusResponse()
    for status in statuses:
        message = response.model_version_status.add(version=status.version, state=int(status.state))
        message.status.error_code = status.code
        message.status.error_message = status.message
    return response
