"""Feature maps inside a network, from fine to coarse: where an explanation can look."""

from __future__ import annotations

import keras

from models.network import Network

STRIDES = (4, 8, 16)
"""How many pixels of the image, along a side, one position of a map stands for."""

_LEEWAY = 1.25
"""Convolutions without padding make a map somewhat smaller than its stride says."""
_MOVED = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D, keras.layers.InputLayer)
"""What they put out does not lie over the image as their input does, or is the image."""


def feature_maps(network: Network) -> keras.Model:
    """Returns a model from the image to the network's feature maps at `STRIDES`, finest first, and its last one.

    The map of a stride is the last that is as fine as that and that everything passes: none in a branch, or beside a
    shortcut. Where the image is small or the network coarse, several strides share one map, which is there once.

    Args:
        network: the network; the returned model shares its weights.
    """
    *_, before, backbone = network.features.layers
    nested = isinstance(backbone, keras.Model)
    inside = backbone if nested else network.features
    rows = network.features.input.shape[1]
    chosen = list(dict.fromkeys(_last_as_fine(inside, rows / stride / _LEEWAY) for stride in STRIDES))
    tapped = keras.Model(inside.input, [*(layer.output for layer in chosen if layer is not None), inside.output])
    return keras.Model(network.features.input, tapped(before.output)) if nested else tapped


def _last_as_fine(model: keras.Model, rows: float) -> keras.Layer | None:
    """Returns the last layer everything passes whose map (n, rows, columns, filters) has at least so many rows."""
    fine = [layer for layer in _waists(model) if not isinstance(layer, _MOVED) and _rows(layer) >= rows]
    return fine[-1] if fine else None


def _waists(model: keras.Model) -> list[keras.Layer]:
    """Returns the layers after which no output of an earlier one is needed, from the image on."""
    needed_until = {
        id(tensor): place for place, layer in enumerate(model.layers) for tensor in keras.tree.flatten(layer.input)
    }
    found, needed = [], 0
    for place, layer in enumerate(model.layers):
        if needed <= place:
            found.append(layer)
        needed = max([needed, *(needed_until.get(id(tensor), 0) for tensor in keras.tree.flatten(layer.output))])
    return found


def _rows(layer: keras.Layer) -> int:
    shape: tuple[int, ...] = getattr(layer.output, "shape", ())
    return shape[1] if len(shape) == 4 else 0
