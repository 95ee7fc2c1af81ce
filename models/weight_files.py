"""Reads the files that Keras keeps weights in, and gives each layer of a backbone its own, by name.

Keras 2 wrote HDF5 with a group a layer (`.h5`), Keras 3 writes HDF5 with a group a layer of numbered names
(`.weights.h5`), or that in a zip (`.keras`). Each may hold more than the backbone: a top, an optimizer.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from data_schemas.errors import WeightsError

Layers = list[tuple[str, list[np.ndarray]]]
"""Name and weights of each layer that has any, in the file's order; a name may stand twice."""

_NUMBERED = re.compile(r"(?P<kind>conv2d|batch_normalization|layer_normalization|normalization)(_(?P<number>\d+))?")
"""Names that Keras gives layers without one, counting over everything built before: only their order means anything."""
_MODEL_IN_ZIP = "model.weights.h5"
_NAMES_SHOWN = 3
_UNREADABLE = (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile)
"""What h5py and zipfile raise for files that are damaged, or whose groups and attributes are not Keras'."""


def assign_weights(backbone: keras.Model, path: Path, *, published: bool = False) -> None:
    """Gives every layer of a backbone its weights from a file, or none of them.

    Layers are found by name, those that Keras numbered by their order. What else the file has is left.

    Args:
        backbone: the network, any weights in it.
        path: HDF5 of Keras 2 or 3, or a `.keras` file.
        published: it is the file that Keras publishes for this backbone. Some are older than today's names, and Keras
            loads them by order alone: so does this, where names do not fit and every shape does.

    Raises:
        WeightsError: the file is none of those, or a layer is missing, ambiguous or of another shape.
    """
    wanted = [layer for layer in leaves(backbone) if layer.weights]
    keys = _keys([layer.name for layer in wanted])
    stored = read_layers(path)
    found = _by_key(stored, _keys([name for name, _ in stored]))
    missing = [layer.name for layer, key in zip(wanted, keys, strict=True) if key not in found]
    if (
        missing
        and published
        and [_stored_shapes(values) for _, values in stored] == [_shapes(layer) for layer in wanted]
    ):
        chosen = [values for _, values in stored]
    elif missing:
        raise WeightsError(_missing(missing, wanted, path, stored))
    else:
        chosen = [_fitting(layer, found[key], path) for layer, key in zip(wanted, keys, strict=True)]
    for layer, values in zip(wanted, chosen, strict=True):
        layer.set_weights(values)


def leaves(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yields the layers that contain no others, from the image to the features."""
    children = getattr(layer, "layers", None)
    if children is None:
        yield layer
    for child in children or ():
        yield from leaves(child)


def read_layers(path: Path) -> Layers:
    """Returns what a weights file holds, layer by layer, those of nested models too.

    Raises:
        WeightsError: it is not such a file.
    """
    try:
        with h5py.File(_opened(path), "r") as file:
            group = file.get("model_weights", file)
            layers = list(_keras_2(group)) if "layer_names" in _attributes(group) else list(_keras_3(group))
    except _UNREADABLE as error:
        raise WeightsError(
            f"{path.name} cannot be read as weights ({str(error).strip()}): give a whole `.h5`, `.weights.h5` or "
            "`.keras` file that Keras wrote"
        ) from error
    if not layers:
        raise WeightsError(f"{path.name} has no layer with weights: give a file that Keras saved weights to")
    return layers


def _opened(path: Path) -> Path | io.BytesIO:
    """Returns what HDF5 is to be read from: the file, or what a `.keras` file has of it."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read(_MODEL_IN_ZIP))


def _attributes(group: Any) -> set[str]:
    # An attribute over 64 KB is written as name0, name1, ...
    return {re.sub(r"\d+$", "", name) for name in group.attrs}


def _text_attribute(group: Any, name: str) -> list[str]:
    chunks = (
        [name]
        if name in group.attrs
        else sorted(
            (key for key in group.attrs if re.fullmatch(rf"{name}\d+", key)), key=lambda key: int(key[len(name) :])
        )
    )
    values = [value for chunk in chunks for value in group.attrs[chunk]]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _keras_2(group: Any) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yields the layers of an HDF5 file of Keras 2; a nested model is one group, its layers in the weights' names."""
    for name in _text_attribute(group, "layer_names"):
        inner: dict[str, list[np.ndarray]] = {}
        for weight in _text_attribute(group[name], "weight_names"):
            owner = weight.rpartition("/")[0].removeprefix(f"{name}/")
            inner.setdefault(owner, []).append(np.asarray(group[name][weight]))
        yield from inner.items() if len(inner) > 1 else ((name, values) for values in inner.values())


def _keras_3(file: Any) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yields the layers of an HDF5 file of Keras 3: groups `.../vars` that know their layer's name."""
    groups: list[Any] = []
    file.visititems(lambda path, item: groups.append(item) if path.rpartition("/")[2] == "vars" else None)
    for group in groups:
        if not len(group):  # a layer without weights; a group itself is always true
            continue
        if "name" not in group.attrs:
            raise ValueError(
                "it has no names of layers, an early Keras 3 wrote it; save it again with Keras 3.9 or later"
            )
        yield str(group.attrs["name"]), [np.asarray(group[key]) for key in sorted(group, key=int)]


def _keys(names: Sequence[str]) -> list[str]:
    """Returns what stands for each name in comparisons: spellings of Keras 2 and 3 agree, numbers become ranks."""
    numbers: dict[str, set[int]] = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name):
            numbers.setdefault(match["kind"], set()).add(int(match["number"] or 0))
    return [_key(name, numbers) for name in names]


def _key(name: str, numbers: Mapping[str, set[int]]) -> str:
    if match := _NUMBERED.fullmatch(name):
        kind = match["kind"]
        return f"{kind} {sorted(numbers[kind]).index(int(match['number'] or 0))}"
    # Keras 3 allows no slash, and shortened MobileNetV3's names: Conv/BatchNorm became conv_bn.
    return name.replace("/", "_").lower().replace("batchnorm", "bn")


def _by_key(stored: Layers, keys: Sequence[str]) -> dict[str, list[list[np.ndarray]]]:
    found: dict[str, list[list[np.ndarray]]] = {}
    for key, (_, values) in zip(keys, stored, strict=True):
        found.setdefault(key, []).append(values)
    return found


def _fitting(layer: keras.Layer, candidates: list[list[np.ndarray]], path: Path) -> list[np.ndarray]:
    """Returns the one candidate, whose shapes are the layer's.

    Raises:
        WeightsError: there are several, or its shapes are others.
    """
    if len(candidates) > 1:
        raise WeightsError(
            f"{path.name} has {len(candidates)} layers {layer.name}: give a file with one backbone in it"
        )
    shapes, given = _shapes(layer), _stored_shapes(candidates[0])
    if given != shapes:
        raise WeightsError(
            f"the layer {layer.name} has the shapes {_written(given)} in {path.name} and {_written(shapes)} in the "
            "backbone: name the file made for it, of the same alpha"
        )
    return candidates[0]


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def _stored_shapes(values: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
    return [value.shape for value in values]


def _written(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) or "one number" for shape in shapes)


def _missing(missing: Sequence[str], wanted: Sequence[Any], path: Path, stored: Layers) -> str:
    shown = ", ".join(missing[:_NAMES_SHOWN]) + (", ..." if len(missing) > _NAMES_SHOWN else "")
    has = ", ".join(name for name, _ in stored[:_NAMES_SHOWN])
    return (
        f"{path.name} lacks {len(missing)} of the {len(wanted)} layers with weights: {shown} (it has {has}, ...); name "
        "the file made for this backbone"
    )
