"""Whether an image looks like those the model was made from: a distance in the graph, fitted on `train`.

Three views of an image are looked at, and the one that is farthest off counts: its layout (an 8 x 8 thumbnail), its
texture (how much detail there is at each scale, brightness, contrast, likeness to the mean image) and what the network
sees in it (the pooled last feature map). A turned image has another layout, an inverted one no likeness, noise another
texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from evaluation.subspace import Subspace, fit_subspace
from models.network import Network
from models.split_data import SplitData

_THUMBNAIL = 8
_SCALES = 5
_MOST_CORRELATED = 0.99
_SHARE = {"layout": 0.9, "texture": 1.0, "features": 0.9}
"""Share of the variance that each view's axes hold."""
_USUAL = 0.99
"""Quantile of the training images' own distances that each view's are measured in, so that they can be compared."""
_MOST_IMAGES = 4000
_LARGEST = 1e6
_BATCH = 64


@dataclass(frozen=True)
class ScopeModel:
    """What is usual, in each view.

    Attributes:
        mean_thumbnail: float32 (thumbnail pixels,), of the training images.
        subspaces: by view.
        units: by view, the squared distance that 99 % of the training images keep below.
    """

    mean_thumbnail: np.ndarray
    subspaces: dict[str, Subspace]
    units: dict[str, float]


def fit_scope(network: Network, split: SplitData, *, seed: int) -> ScopeModel:
    """Returns what is usual among a split's images, or 4,000 of them."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(split))[:_MOST_IMAGES])
    mean = np.mean([_thumbnails(split.images[part]).numpy().mean(0) for part in _parts(chosen)], axis=0)
    see = tf.function(lambda images: _views(network, images, mean), reduce_retracing=True)
    seen = [see(split.images[part]) for part in _parts(chosen)]
    views = {name: np.concatenate([batch[name].numpy() for batch in seen]) for name in _SHARE}
    subspaces = {name: fit_subspace(vectors, share=_SHARE[name]) for name, vectors in views.items()}
    units = {
        name: max(1e-6, float(np.quantile(subspaces[name].squared_distance(vectors), _USUAL)))
        for name, vectors in views.items()
    }
    return ScopeModel(mean.astype(np.float32), subspaces, units)


def scope_scores(network: Network, scope: ScopeModel, images: np.ndarray) -> np.ndarray:
    """Returns the out-of-scope scores float32 (n,) of images (n, rows, columns, channels)."""
    score = tf.function(lambda batch: out_of_scope_score(network, scope, batch), reduce_retracing=True)
    parts = [score(images[part]).numpy() for part in _parts(np.arange(len(images)))]
    return np.concatenate([np.empty(0, np.float32), *parts])


def out_of_scope_score(network: Network, scope: ScopeModel, images: tf.Tensor) -> tf.Tensor:
    """Returns how unusual images look, float32 (n,): about 1 is the most unusual in a hundred training images.

    Args:
        network: the network.
        scope: what is usual.
        images: float32 (n, rows, columns, channels), what the network sees.
    """
    views = _views(network, images, scope.mean_thumbnail)
    distances = [_squared_distance(scope.subspaces[name], views[name]) / scope.units[name] for name in _SHARE]
    return tf.sqrt(tf.reduce_max(tf.stack(distances), axis=0))


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]


def _views(network: Network, images: tf.Tensor, mean_thumbnail: np.ndarray) -> dict[str, tf.Tensor]:
    thumbnails = _thumbnails(images)
    pooled = tf.reduce_mean(network.features(images, training=False), axis=(1, 2))
    return {
        "layout": thumbnails,
        "texture": _texture(images, thumbnails, tf.constant(mean_thumbnail, tf.float32)),
        # A deep network that has hardly been trained may give features without bounds.
        "features": tf.clip_by_value(tf.where(tf.math.is_finite(pooled), pooled, _LARGEST), -_LARGEST, _LARGEST),
    }


def _thumbnails(images: tf.Tensor) -> tf.Tensor:
    small = tf.image.resize(images, (_THUMBNAIL, _THUMBNAIL), method="area")
    return tf.reshape(small, (-1, _THUMBNAIL * _THUMBNAIL * images.shape[-1]))


def _texture(images: tf.Tensor, thumbnails: tf.Tensor, mean_thumbnail: tf.Tensor) -> tf.Tensor:
    """Returns float32 (n, values): the detail at each scale, mean and deviation, and likeness to the mean image."""
    values, current = [], images
    for _ in range(_SCALES):
        size = tf.shape(current)[1:3]
        smaller = tf.image.resize(current, tf.maximum(size // 2, 1), method="area")
        detail = current - tf.image.resize(smaller, size, method="bilinear")
        values.append(tf.math.log(tf.reduce_mean(tf.square(detail), axis=(1, 2)) + 1e-6))
        current = smaller
    mean, variance = tf.nn.moments(images, axes=(1, 2))
    values += [mean, tf.sqrt(variance), _likeness(thumbnails, mean_thumbnail)[:, None]]
    return tf.concat(values, axis=1)


def _likeness(thumbnails: tf.Tensor, mean_thumbnail: tf.Tensor) -> tf.Tensor:
    """Returns Fisher's z of each thumbnail's correlation with the mean one, float32 (n,)."""
    centered = thumbnails - tf.reduce_mean(thumbnails, axis=1, keepdims=True)
    usual = mean_thumbnail - tf.reduce_mean(mean_thumbnail)
    correlation = tf.math.divide_no_nan(tf.linalg.matvec(centered, usual), tf.norm(centered, axis=1) * tf.norm(usual))
    return tf.atanh(tf.clip_by_value(correlation, -_MOST_CORRELATED, _MOST_CORRELATED))


def _squared_distance(subspace: Subspace, vectors: tf.Tensor) -> tf.Tensor:
    """As `Subspace.squared_distance`, in the graph."""
    constant = {
        name: tf.constant(getattr(subspace, name), tf.float32) for name in ("mean", "scale", "axes", "variances")
    }
    standardized = (vectors - constant["mean"]) / constant["scale"]
    along = standardized @ constant["axes"]
    left = tf.reduce_sum(tf.square(standardized), axis=1) - tf.reduce_sum(tf.square(along), axis=1)
    along_axes = tf.reduce_sum(tf.square(along) / constant["variances"], axis=1)
    return along_axes + tf.nn.relu(left) / subspace.rest
