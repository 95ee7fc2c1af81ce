"""Predict, Classify, Regress and MultiInference on a loaded version: messages in, messages out.

The rules and texts are those of TensorFlow Serving (predict_util.cc, classifier.cc, regressor.cc, multi_inference.cc).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, regression_pb2

from serving.server.errors import RequestError, invalid_argument
from serving.server.servable import DEFAULT_SIGNATURE, Array, LoadedModel, check_names
from serving.tensors import TensorFormatError, string_array, to_array

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
_INPUTS, _CLASSES, _SCORES, _OUTPUTS = "inputs", "classes", "scores", "outputs"


def signature_name(spec: Any) -> str:
    """Returns the signature that a ModelSpec names, or the default one."""
    return str(spec.signature_name) or DEFAULT_SIGNATURE


def run_predict(model: LoadedModel, request: Any) -> dict[str, Array]:
    """Returns the outputs that a PredictRequest asks for.

    Raises:
        RequestError: as `Servable.run`, or a tensor of the request cannot be read.
    """
    name = signature_name(request.model_spec)
    check_names(model.signature(name), request.inputs)
    inputs = {alias: _decode(alias, message) for alias, message in request.inputs.items()}
    return model.run(name, inputs, outputs=request.output_filter or None)


def run_classify(model: LoadedModel, request: Any) -> Any:
    """Returns the ClassificationResult of a ClassificationRequest.

    Raises:
        RequestError: INVALID_ARGUMENT or FAILED_PRECONDITION, the signature is unknown or classifies nothing, or there
            are no examples; or TensorFlow refused to compute.
    """
    name = signature_name(request.model_spec)
    names = _classify_outputs(_find(model, name))
    outputs, count = _run_examples(model, name, request.input, names)
    classes, scores = outputs.get(_CLASSES), outputs.get(_SCORES)
    for what, array, kind in ((_CLASSES, classes, "O"), (_SCORES, scores, "f")):
        if array is not None:
            _check_matrix(what, array, kind, count)
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise invalid_argument(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    return _classification_result(classes, scores, count)


def run_regress(model: LoadedModel, request: Any) -> Any:
    """Returns the RegressionResult of a RegressionRequest.

    Raises:
        RequestError: INVALID_ARGUMENT or FAILED_PRECONDITION, the signature is unknown or regresses nothing, or there
            are no examples; or TensorFlow refused to compute.
    """
    name = signature_name(request.model_spec)
    _check_regress_signature(_find(model, name))
    outputs, count = _run_examples(model, name, request.input, (_OUTPUTS,))
    values = outputs[_OUTPUTS]
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise invalid_argument(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape_text(values)}"
        )
    if len(values) != count:
        raise invalid_argument(f"Input batch size did not match output batch size: {count} vs. {len(values)}")
    if values.dtype.name != "float32":
        raise invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: {values.dtype.name}")
    result = regression_pb2.RegressionResult()
    for value in values.ravel().tolist():
        result.regressions.add(value=value)
    return result


def run_multi_inference(model: LoadedModel, request: Any) -> list[Any]:
    """Returns an InferenceResult for each task of a MultiInferenceRequest, without its model_spec.

    Raises:
        RequestError: as `run_classify` and `run_regress`, or tasks are of several models or ask the same twice.
    """
    _check_tasks(request.tasks)
    results = []
    for task in request.tasks:
        one = classification_pb2.ClassificationRequest(model_spec=task.model_spec, input=request.input)
        result = inference_pb2.InferenceResult()
        if task.method_name == CLASSIFY:
            result.classification_result.CopyFrom(run_classify(model, one))
        elif task.method_name == REGRESS:
            result.regression_result.CopyFrom(run_regress(model, one))
        else:
            raise RequestError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
        results.append(result)
    return results


def check_method(model: LoadedModel, spec: Any, method: str) -> None:
    """Compares a signature's method_name with the one that a call needs.

    Raises:
        RequestError: INVALID_ARGUMENT, it has another, or there is no such signature.
    """
    found = _find(model, signature_name(spec)).method_name
    if found != method:
        kind = {CLASSIFY: "classification", REGRESS: "regression"}[method]
        raise invalid_argument(f"Expected {kind} signature method_name to be {method}. Was: {found}")


def count_examples(message: Any) -> int:
    """Returns how many examples an Input message has."""
    kind = message.WhichOneof("kind")
    return len(getattr(message, kind).examples) if kind else 0


def _decode(name: str, message: Any) -> Array:
    try:
        return to_array(message)
    except TensorFormatError as error:
        raise invalid_argument(f"tensor parsing error: {name}") from error


def _find(model: LoadedModel, name: str) -> Any:
    definition = model.signatures.get(name)
    if definition is None:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return definition


def _classify_outputs(definition: Any) -> tuple[str, ...]:
    if len(definition.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(definition.outputs) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    if _INPUTS not in definition.inputs:
        raise _not_in_signature("No classification inputs found in SignatureDef", definition)
    names = tuple(name for name in (_CLASSES, _SCORES) if name in definition.outputs)
    if not names:
        text = (
            f'Expected classification signature outputs to contain at least one of "{_CLASSES}" or "{_SCORES}". '
            "Signature was"
        )
        raise _not_in_signature(text, definition)
    return names


def _check_regress_signature(definition: Any) -> None:
    if len(definition.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(definition.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if _INPUTS not in definition.inputs:
        raise _not_in_signature("No regression inputs found in SignatureDef", definition)
    if _OUTPUTS not in definition.outputs:
        raise _not_in_signature("No regression outputs found in SignatureDef", definition)


def _not_in_signature(text: str, definition: Any) -> RequestError:
    return RequestError(grpc.StatusCode.FAILED_PRECONDITION, f"{text}: {definition}")


def _run_examples(
    model: LoadedModel, signature: str, message: Any, names: tuple[str, ...]
) -> tuple[Mapping[str, Array], int]:
    examples = _serialized_examples(message)
    if not examples:
        raise invalid_argument("Input is empty.")
    return model.run(signature, {_INPUTS: string_array(examples)}, outputs=names), len(examples)


def _serialized_examples(message: input_pb2.Input) -> list[bytes]:
    """Returns an Input's examples, each merged into the context that they share: bytes one after the other merge."""
    kind = message.WhichOneof("kind")
    if kind is None:
        return []
    context = message.example_list_with_context.context.SerializeToString() if kind.endswith("context") else b""
    return [context + example.SerializeToString() for example in getattr(message, kind).examples]


def _check_matrix(what: str, array: Array, kind: str, count: int) -> None:
    if array.ndim != 2:
        raise invalid_argument(f"Expected Tensor shape: [batch_size num_classes] but got {_shape_text(array)}")
    if array.dtype.kind != kind:
        wanted = "DT_STRING" if kind == "O" else "DT_FLOAT"
        raise invalid_argument(f"Expected {what} Tensor of {wanted}. Got: {array.dtype.name}")
    if len(array) != count:
        raise invalid_argument(f"Expected {what} output batch size of {count}. Got: {len(array)}")


def _classification_result(classes: Array | None, scores: Array | None, count: int) -> Any:
    result = classification_pb2.ClassificationResult()
    labels = None if classes is None else classes.tolist()
    values = None if scores is None else scores.tolist()
    for row in range(count):
        added = result.classifications.add().classes
        for column in range(len((labels or values or [[]])[row])):
            one = added.add()
            if labels is not None:
                one.label = labels[row][column].decode("utf-8", "replace")
            if values is not None:
                one.score = values[row][column]
    return result


def _check_tasks(tasks: Any) -> None:
    seen: set[str] = set()
    for task in tasks:
        if not task.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise invalid_argument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = signature_name(task.model_spec)
        if name in seen:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        seen.add(name)


def _shape_text(array: Array) -> str:
    return f"[{','.join(map(str, array.shape))}]"
