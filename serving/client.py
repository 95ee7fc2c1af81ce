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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from data_schemas.description import ModelDescription
from data_schemas.errors import ModelServerError
from data_schemas.wire import serving_pb2
from serving.tensors import TensorFormatError, string_array, to_array, to_message

Array = npt.NDArray[Any]

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),  # images go to the named server and nowhere else
)


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
        timeout_s: how long one call may take, in seconds.
    """

    def __init__(self, address: str, model_name: str, *, timeout_s: float = 30.0) -> None:
        self.address = address
        self.model_name = model_name
        self._timeout_s = timeout_s
        self._channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
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

    def predict(
        self,
        examples: Sequence[bytes],
        *,
        signature: str = "serving_default",
        version: int | None = None,
        **inputs: Array,
    ) -> Prediction:
        """Scores serialized tf.Examples.

        Args:
            examples: one serialized tf.Example for each image, as `imaging.example.serving_examples` makes them.
            signature: the signature that is run.
            version: the version that must answer; the newest unless given.
            inputs: further inputs of the signature, one row for each example, e.g. `label` int64 (n,) of `explain`.

        Returns:
            The outputs, one row for each example.

        Raises:
            ModelServerError: the server is away, or refused the request; the message says what to do.
        """
        return self.call(signature, {"inputs": string_array(examples), **inputs}, version=version)

    def call(self, signature: str, inputs: Mapping[str, Array], *, version: int | None = None) -> Prediction:
        """Runs any signature.

        Args:
            signature: its name.
            inputs: an array for every input of the signature.
            version: the version that must answer; the newest unless given.

        Raises:
            ModelServerError: the server is away, or refused the request; the message says what to do.
        """
        request = serving_pb2.PredictRequest(model_spec=self._spec(version))
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
            ModelServerError: the server is away, or the model is not one that Radflow exported.
        """
        if version is not None and version in self._descriptions:
            return self._descriptions[version]
        prediction = self.call("describe", {"request": np.zeros(1, np.int32)}, version=version)
        if prediction.version not in self._descriptions:
            self._descriptions[prediction.version] = self._parse(prediction)
        return self._descriptions[prediction.version]

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

    def _spec(self, version: int | None) -> serving_pb2.ModelSpec:
        spec = serving_pb2.ModelSpec(name=self.model_name)
        if version is not None:
            spec.version.value = version
        return spec

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise ModelServerError(self._explain(error)) from error

    def _explain(self, error: Any) -> str:
        code, details = error.code(), error.details()
        if code is grpc.StatusCode.UNAVAILABLE:
            return f"no model server answers at {self.address}: start one with `radflow serve --model DIR`"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return (
                f"the model server at {self.address} did not answer within {self._timeout_s:g} s: it is busy or hangs"
            )
        if code is grpc.StatusCode.NOT_FOUND:
            return (
                f"the model server at {self.address} has no model {self.model_name!r} ({details}): "
                "give the name that it is served under with --model-name"
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return f"what answers at {self.address} is not a TensorFlow Serving model server: check host and port"
        return f"the model server at {self.address} answered {code.name}: {details}"

    def _parse(self, prediction: Prediction) -> ModelDescription:
        try:
            return ModelDescription.model_validate_json(prediction.outputs["task"].item(0))
        except (KeyError, IndexError, ValidationError) as error:
            raise ModelServerError(
                f"model {self.model_name!r} at {self.address}: its signature `describe` is not Radflow's; "
                "export the model with this version of Radflow"
            ) from error
