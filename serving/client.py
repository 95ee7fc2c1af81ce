"""Client of a model server with TensorFlow Serving's gRPC API; it needs neither TensorFlow nor the model's files.

Example:
    >>> with ModelClient("127.0.0.1:8500", "synthetic_chest") as client:
    ...     task = client.describe().task
    ...     examples = serving_examples(Path("film.dcm").read_bytes(), task=task)
    ...     prediction = client.predict([one.serialized for one in examples])
    >>> dict(zip(task.labels.names, prediction.outputs["scores"][0]))
    {'normal': 0.93, 'nodule': 0.05, 'cavity': 0.02}
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from data_schemas.description import ModelDescription
from data_schemas.errors import (
    ConfigurationError,
    ModelForeign,
    ModelServerAway,
    ModelServerError,
    ModelVersionUnknown,
)
from data_schemas.wire import serving_pb2
from serving.tensors import TensorFormatError, string_array, to_array, to_message

Array = npt.NDArray[Any]

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
_SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": name} for name in _SERVICES],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.5},
}
"""gRPC's own retries (A6-client-retries), within a call's deadline: for a connection that breaks, or a server that
starts again. Throttling ends them where most calls fail: a server that is away is not asked four times as often."""
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),  # images go to the named server and nowhere else
    ("grpc.service_config", json.dumps(_RETRIES)),
    ("grpc.max_reconnect_backoff_ms", 2000),  # a server that comes back is found soon
)
_BROKEN_OFF = (
    "Exception deserializing response", "Received RST_STREAM", "Stream removed", "Socket closed", "Connection reset",
)  # fmt: skip
"""How gRPC tells of an answer that was cut off, with INTERNAL or UNKNOWN, as it tells of errors of the server's own."""
_NO_SIGNATURE = "Serving signature key"
"""How TensorFlow Serving answers to a signature that the model does not have, with FAILED_PRECONDITION."""
_MAY_BE_CUT_OFF = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
_UNKNOWN_LABEL = "Unrecognized servable version label"
"""How TensorFlow Serving answers to a label that its configuration does not have, with INVALID_ARGUMENT."""


@dataclass(frozen=True)
class Tls:
    """Encrypts the connection, and proves who is at both ends.

    Attributes:
        root_certificates: PEM file of the authorities that may have signed the server's certificate; gRPC's own list
            unless given.
        key, certificate: PEM files of the client's own key and certificate chain, for a server that asks for one; both
            or neither.
    """

    root_certificates: Path | None = None
    key: Path | None = None
    certificate: Path | None = None

    def credentials(self) -> Any:
        """Returns gRPC's channel credentials.

        Raises:
            ConfigurationError: a file cannot be read, or a key is without its certificate.
        """
        if (self.key is None) != (self.certificate is None):
            raise ConfigurationError("TLS to the model server: a client's key and certificate belong together")
        return grpc.ssl_channel_credentials(_pem(self.root_certificates), _pem(self.key), _pem(self.certificate))


def _pem(file: Path | None) -> bytes | None:
    try:
        return None if file is None else file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"TLS to the model server: {file}: {error.strerror}; give a PEM file") from error


@dataclass(frozen=True)
class Prediction:
    """What a model answered.

    Attributes:
        outputs: an array by output name; strings are `bytes` in an object array.
        version: the version of the model that computed them.
    """

    outputs: Mapping[str, Array]
    version: int


class ModelClient:
    """One model of one model server; may be used from many threads.

    Args:
        address: `HOST:PORT`.
        model_name: the name that the model is served under.
        timeout_s: how long one call may take, in seconds, its retries included.
        tls: encrypts the connection; None does not.

    Raises:
        ConfigurationError: a file of `tls` cannot be read.
    """

    def __init__(self, address: str, model_name: str, *, timeout_s: float = 30.0, tls: Tls | None = None) -> None:
        self.address = address
        self.model_name = model_name
        self.timeout_s = timeout_s
        self.metadata: tuple[tuple[str, str], ...] = ()
        if tls is None:
            self._channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
        else:
            self._channel = grpc.secure_channel(address, tls.credentials(), options=_CHANNEL_OPTIONS)
        self._predict = self._method(_PREDICT, serving_pb2.PredictResponse)
        self._status = self._method(_STATUS, serving_pb2.GetModelStatusResponse)
        self._descriptions: dict[int, ModelDescription] = {}

    def __enter__(self) -> ModelClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def with_request_id(self, request_id: str) -> ModelClient:
        """Returns this client, on the same connection, with an id in the metadata of each call (`x-request-id`).

        The model server logs it, so that one request can be followed through both.
        """
        tagged = copy.copy(self)
        tagged.metadata = (("x-request-id", request_id),)
        return tagged

    def with_timeout(self, timeout_s: float) -> ModelClient:
        """Returns this client, on the same connection, whose calls may take so many seconds."""
        hurried = copy.copy(self)
        hurried.timeout_s = timeout_s
        return hurried

    def predict(
        self,
        examples: Sequence[bytes],
        *,
        signature: str = "serving_default",
        version: int | None = None,
        version_label: str | None = None,
        **inputs: Array,
    ) -> Prediction:
        """Scores serialized tf.Examples.

        Args:
            examples: one serialized tf.Example for each image, as `imaging.example.serving_examples` makes them.
            signature: the signature that is run.
            version: the version that must answer; the newest unless given.
            version_label: the label of the version that must answer, e.g. `approved`; instead of `version`.
            inputs: further inputs of the signature, one row for each example, e.g. `label` int64 (n,) of `explain`.

        Returns:
            The outputs, one row for each example.

        Raises:
            ModelServerAway: the server does not answer, not in time, or breaks its answer off.
            ModelVersionUnknown: it does not serve that version, or has no such label.
            ModelServerError: it refused the request; the message says what to do.
        """
        given = {"inputs": string_array(examples), **inputs}
        return self.call(signature, given, version=version, version_label=version_label)

    def call(
        self,
        signature: str,
        inputs: Mapping[str, Array],
        *,
        version: int | None = None,
        version_label: str | None = None,
    ) -> Prediction:
        """Runs any signature, and raises, as `predict` does.

        Args:
            signature: its name.
            inputs: an array for every input of the signature.
            version: the version that must answer; the newest unless given.
            version_label: the label of the version that must answer; instead of `version`.
        """
        request = serving_pb2.PredictRequest(model_spec=self._spec(version, version_label))
        request.model_spec.signature_name = signature
        try:
            for name, array in inputs.items():
                request.inputs[name].CopyFrom(to_message(array))
            response = self._call(self._predict, request)
            outputs = {name: to_array(message) for name, message in response.outputs.items()}
        except TensorFormatError as error:
            raise ModelServerError(f"model {self.model_name}, signature {signature}: {error}") from error
        return Prediction(outputs, response.model_spec.version.value)

    def calibrate(self, raw_scores: Array, *, version: int | None = None) -> Prediction:
        """Returns what a model says of logits, e.g. of a study's, which `evaluation.studies` makes of its images'.

        Args:
            raw_scores: float (n, labels), logits such as the output `raw_scores`.
            version: the version that must answer, the one that gave them; the newest unless given.

        Returns:
            The outputs of `serving_default` but those of an image itself (`out_of_scope` and what speaks for it).

        Raises:
            ModelServerError: the server is away, or refused the request; the message says what to do.
        """
        return self.call("calibrate", {"raw_scores": np.asarray(raw_scores, np.float32)}, version=version)

    def describe(self, version: int | None = None) -> ModelDescription:
        """Returns the task, operating points and prevalence of a version, asked for once and then remembered.

        Args:
            version: the version; the newest unless given.

        Raises:
            ModelForeign: the model is not one that Radflow exported.
            ModelServerError: the server is away, or refused the request; the message says what to do.
        """
        if version is not None and version in self._descriptions:
            return self._descriptions[version]
        return self.describe_version(version=version)[1]

    def describe_version(
        self, *, version: int | None = None, version_label: str | None = None
    ) -> tuple[int, ModelDescription]:
        """Returns which version answers now, and what `describe` says of it; the server is asked each time.

        Args:
            version: the version that must answer; the newest unless given.
            version_label: the label of the version that must answer; instead of `version`.

        Raises:
            ModelServerAway, ModelVersionUnknown: as `predict`.
            ModelForeign: the model is not one that Radflow exported.
        """
        asked = {"request": np.zeros(1, np.int32)}
        prediction = self.call("describe", asked, version=version, version_label=version_label)
        if prediction.version not in self._descriptions:
            self._descriptions[prediction.version] = self._parse(prediction)
        return prediction.version, self._descriptions[prediction.version]

    def versions(self) -> tuple[int, ...]:
        """Returns the versions that the server answers for now, newest first.

        Raises:
            ModelServerError: the server is away, or has no such model.
        """
        response = self._call(self._status, serving_pb2.GetModelStatusRequest(model_spec=self._spec(None)))
        available = serving_pb2.ModelVersionStatus.AVAILABLE
        return tuple(sorted((s.version for s in response.model_version_status if s.state == available), reverse=True))

    def _method(self, path: str, response: Any) -> Callable[..., Any]:
        method: Callable[..., Any] = self._channel.unary_unary(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return method

    def _spec(self, version: int | None, version_label: str | None = None) -> serving_pb2.ModelSpec:
        spec = serving_pb2.ModelSpec(name=self.model_name)
        if version is not None:
            spec.version.value = version
        elif version_label is not None:
            spec.version_label = version_label
        return spec

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self.timeout_s, metadata=self.metadata)
        except grpc.RpcError as error:
            raise self._explained(error) from error

    def _explained(self, error: Any) -> ModelServerError:
        code, details = error.code(), error.details() or ""
        if away := self._away(code, details):
            return ModelServerAway(away)
        if code is grpc.StatusCode.NOT_FOUND:
            return ModelVersionUnknown(
                f"the model server at {self.address} has no model {self.model_name!r} ({details}): "
                "give the name that it is served under with --model-name"
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return ModelServerError(
                f"what answers at {self.address} is not a TensorFlow Serving model server: check host and port"
            )
        refused = f"the model server at {self.address} answered {code.name}: {details}"
        if code is grpc.StatusCode.INVALID_ARGUMENT and details.startswith(_UNKNOWN_LABEL):
            return ModelVersionUnknown(refused)
        if details.startswith(_NO_SIGNATURE):
            return ModelForeign(f"{refused}; export the model with this version of Radflow")
        return ModelServerError(refused)

    def _away(self, code: grpc.StatusCode, details: str) -> str:
        """Returns what is said of a server that did not answer; empty where it did."""
        if code is grpc.StatusCode.UNAVAILABLE:
            return f"no model server answers at {self.address}: start one with `radflow serve --model DIR`"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"the model server at {self.address} did not answer within {self.timeout_s:g} s: it is busy or hangs"
        cut_off = code in _MAY_BE_CUT_OFF and any(words in details for words in _BROKEN_OFF)
        if cut_off or code is grpc.StatusCode.CANCELLED:
            return f"the model server at {self.address} broke off its answer: it stops, or starts again"
        return ""

    def _parse(self, prediction: Prediction) -> ModelDescription:
        if not prediction.outputs:
            raise ModelServerAway(f"the model server at {self.address} answered half: it stops, or starts again")
        try:
            return ModelDescription.model_validate_json(prediction.outputs["task"].item(0))
        except (KeyError, IndexError, ValidationError) as error:
            raise ModelForeign(
                f"model {self.model_name!r} at {self.address}: its signature `describe` is not Radflow's; "
                "export the model with this version of Radflow"
            ) from error
