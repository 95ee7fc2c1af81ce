"""One SavedModel, loaded and run the way TensorFlow Serving does it: a session on the graph of the tag `serve`."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import grpc
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from serving.server.errors import RequestError, invalid_argument, status_code

Array = npt.NDArray[Any]

DEFAULT_SIGNATURE = "serving_default"
_TAGS = ("serve",)


class LoadedModel(Protocol):
    """A version in memory: a `Servable`, or what stands before one."""

    @property
    def signatures(self) -> Mapping[str, Any]:
        """SignatureDef messages by signature name."""

    def signature(self, name: str) -> Any:
        """Returns a SignatureDef; raises a RequestError where there is none of that name."""

    def run(
        self, signature: str, inputs: Mapping[str, Array], *, outputs: Iterable[str] | None = None
    ) -> dict[str, Array]:
        """Runs one signature, as `Servable.run` does."""

    def close(self) -> None:
        """Frees what it holds."""


class Servable:
    """A loaded version of a model. `run` may be called from many threads; `close` when none is running any more.

    Example:
        >>> servable = Servable.load(Path("output/serving/synthetic_chest/1"))
        >>> servable.run("serving_default", {"inputs": string_array([example])})["scores"]
        array([[0.93, 0.05, 0.02]], dtype=float32)
    """

    def __init__(self, session: Any, signatures: Mapping[str, Any]) -> None:
        self._session = session
        self._signatures = dict(signatures)
        self._calls: dict[tuple[str, frozenset[str]], Callable[..., Sequence[Any]]] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, version_dir: Path, *, config: Any = None, tags: Sequence[str] = _TAGS) -> Servable:
        """Returns the model of one version folder, its tables and variables initialized.

        Args:
            version_dir: the folder with `saved_model.pb`.
            config: a `tf.compat.v1.ConfigProto`; by default TensorFlow's own, with a GPU's memory taken as needed.
            tags: of the meta graph in the SavedModel.

        Raises:
            Exception: whatever TensorFlow raises for what it cannot load (OSError, RuntimeError, tf.errors.OpError).
        """
        if config is None:
            config = tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))
        session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            with session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(session, list(tags), str(version_dir))
        except BaseException:
            session.close()
            raise
        return cls(session, meta_graph.signature_def)

    @property
    def signatures(self) -> Mapping[str, Any]:
        """SignatureDef messages by signature name."""
        return self._signatures

    def run(
        self, signature: str, inputs: Mapping[str, Array], *, outputs: Iterable[str] | None = None
    ) -> dict[str, Array]:
        """Runs one signature.

        Args:
            signature: its name.
            inputs: an array for every input; strings as `bytes` in an object array.
            outputs: names of the outputs to compute; all of them unless given.

        Returns:
            An array by output name; strings as `bytes` in an object array.

        Raises:
            RequestError: the signature or an output is unknown, an input is missing, unknown, or has another dtype,
                rank or fixed dimension than the signature says, or TensorFlow refused to compute.
        """
        definition = self.signature(signature)
        check_inputs(definition, inputs)
        return self.compute(signature, inputs, check_outputs(definition, outputs))

    def compute(self, signature: str, inputs: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        """Runs one signature as `run` does, with inputs and names of outputs that were checked already.

        Raises:
            RequestError: TensorFlow refused to compute.
        """
        definition = self._signatures[signature]
        call, targets = self._call(signature, names)
        values = _compute(call, [inputs[name] for name in sorted(definition.inputs)])
        by_tensor = dict(zip(targets, map(_as_array, values), strict=True))
        return {name: by_tensor[definition.outputs[name].name] for name in names}

    def signature(self, name: str) -> Any:
        """Returns a SignatureDef.

        Raises:
            RequestError: FAILED_PRECONDITION, there is none of that name.
        """
        definition = self._signatures.get(name)
        if definition is None:
            raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        return definition

    def close(self) -> None:
        """Frees the session and what it holds: variables, tables, threads."""
        self._calls.clear()
        self._session.close()
        del self._session
        gc.collect()  # a graph is a web of cycles, which would otherwise wait while the next versions load

    def _call(self, signature: str, outputs: Sequence[str]) -> tuple[Callable[..., Sequence[Any]], list[str]]:
        """Returns what computes these outputs from the inputs in sorted order, and the tensors that it gives."""
        definition = self._signatures[signature]
        targets = sorted({definition.outputs[name].name for name in outputs})
        key = (signature, frozenset(targets))
        with self._lock:
            if key not in self._calls:
                feeds = [definition.inputs[name].name for name in sorted(definition.inputs)]
                options = config_pb2.CallableOptions(feed=feeds, fetch=targets)
                # Session.run would parse the fetches anew for every call; this is what Session.make_callable rests on.
                self._calls[key] = self._session._make_callable_from_options(options)  # noqa: SLF001
            return self._calls[key], targets


def check_inputs(definition: Any, inputs: Mapping[str, Array]) -> None:
    """Compares the inputs with a SignatureDef: names, dtypes, ranks and fixed dimensions.

    TensorFlow Serving leaves dtype and shape to the graph, which ends the whole process on some wrong ranks.

    Raises:
        RequestError: INVALID_ARGUMENT.
    """
    check_names(definition, inputs)
    for name in sorted(inputs):
        _check_dtype(name, inputs[name], tf.as_dtype(definition.inputs[name].dtype))
        _check_shape(name, inputs[name].shape, definition.inputs[name].tensor_shape)


def check_outputs(definition: Any, outputs: Iterable[str] | None) -> tuple[str, ...]:
    """Returns the names of the outputs to compute.

    Raises:
        RequestError: INVALID_ARGUMENT, a name is unknown or stands twice.
    """
    known = sorted(definition.outputs)
    names = tuple(known if outputs is None else outputs)
    for position, name in enumerate(names):
        if name not in definition.outputs:
            expected = f"Outputs expected to be in the set {{{','.join(known)}}}."
            raise invalid_argument(f"output tensor alias not found in signature: {name} {expected}")
        if name in names[:position]:
            raise invalid_argument(f"duplicate output tensor alias: {name}")
    return names


def check_names(definition: Any, inputs: Collection[str]) -> None:
    """Compares the inputs' names with a SignatureDef's, in TensorFlow Serving's order (predict_util.cc).

    Raises:
        RequestError: INVALID_ARGUMENT.
    """
    given, known = set(inputs), set(definition.inputs)
    if len(given) != len(known):
        raise invalid_argument(
            f"input size does not match signature: {len(given)}!={len(known)} len({_braced(given)}) != "
            f"len({_braced(known)}). Sent extra: {_braced(given - known)}. "
            f"Missing but required: {_braced(known - given)}."
        )
    for name in sorted(given - known):
        expected = f"Inputs expected to be in the set {_braced(known)}."
        raise invalid_argument(f"input tensor alias not found in signature: {name}. {expected}")


def _braced(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _check_dtype(name: str, array: Array, expected: Any) -> None:
    given = tf.string if array.dtype.kind == "O" else tf.as_dtype(array.dtype)
    if given != expected:
        raise invalid_argument(f"input {name}: expected to be {expected.name} but {given.name} is provided")


def _check_shape(name: str, shape: tuple[int, ...], expected: Any) -> None:
    if expected.unknown_rank:
        return
    sizes = [dimension.size for dimension in expected.dim]
    fits = len(sizes) == len(shape) and all(want in (-1, have) for want, have in zip(sizes, shape, strict=True))
    if not fits:
        raise invalid_argument(
            f"input {name}: its shape is {list(shape)}, the signature needs {sizes} (-1 is any size)"
        )


def _compute(call: Callable[..., Sequence[Any]], feeds: Sequence[Array]) -> Sequence[Any]:
    try:
        return call(*feeds)
    except tf.errors.OpError as error:
        raise RequestError(status_code(error.error_code), error.message) from error
    except UnicodeDecodeError as error:  # TensorFlow quotes input bytes in its message, and they need not be text
        message = bytes(error.object).decode("utf-8", "replace")
        raise invalid_argument(message) from error


def _as_array(value: Any) -> Array:
    """Returns what a session gives for one tensor as an array; it gives a scalar string as bare `bytes`."""
    return np.array(value, dtype=object) if isinstance(value, bytes) else np.asarray(value)
