"""Random changes to training images, batched: one projective transform for all geometry, then intensity."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from data_schemas.training_settings import Augmentation


def make_augment(settings: Augmentation) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a function of images float32 (n, rows, columns, channels), 0..1, and a seed int64 (2,) to changed images.

    The same seed gives the same change. Pixels from outside the image are 0, as in padding.
    """
    geometric = any((settings.horizontal_flip, settings.rotation, settings.translation, settings.zoom))
    photometric = any((settings.brightness, settings.contrast, settings.noise))

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seeds = tf.unstack(tf.random.split(seed, 8), 8)
        if geometric:
            images = _warp(images, _transforms(images, settings, seeds))
        if photometric:
            images = _jitter(images, settings, seeds)
        return images

    return augment


def _uniform(images: tf.Tensor, seed: tf.Tensor, limit: float) -> tf.Tensor:
    return tf.random.stateless_uniform([tf.shape(images)[0]], seed, -limit, limit)


def _transforms(images: tf.Tensor, settings: Augmentation, seeds: list[tf.Tensor]) -> tf.Tensor:
    """Returns float32 (n, 8): for each image the map from output to input coordinates that TensorFlow's op takes."""
    rows, columns = tf.cast(tf.shape(images)[1], tf.float32), tf.cast(tf.shape(images)[2], tf.float32)
    angle = _uniform(images, seeds[0], math.radians(settings.rotation))
    scale = 1.0 / (1.0 + _uniform(images, seeds[1], settings.zoom))
    coin = tf.random.stateless_uniform([tf.shape(images)[0]], seeds[2])
    mirror = tf.where(coin < 0.5, -1.0, 1.0) if settings.horizontal_flip else tf.ones_like(coin)
    down = _uniform(images, seeds[3], settings.translation) * rows
    right = _uniform(images, seeds[4], settings.translation) * columns
    a, b = mirror * scale * tf.cos(angle), -scale * tf.sin(angle)
    d, e = mirror * scale * tf.sin(angle), scale * tf.cos(angle)
    middle_x, middle_y = (columns - 1) / 2, (rows - 1) / 2
    # Around the middle: input = A (output - middle) + middle + shift.
    c = middle_x + right - a * middle_x - b * middle_y
    f = middle_y + down - d * middle_x - e * middle_y
    zero = tf.zeros_like(a)
    return tf.stack([a, b, c, d, e, f, zero, zero], axis=1)


def _warp(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(warped, images.shape)


def _jitter(images: tf.Tensor, settings: Augmentation, seeds: list[tf.Tensor]) -> tf.Tensor:
    each = (-1, 1, 1, 1)
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    images = (images - mean) * tf.reshape(1.0 + _uniform(images, seeds[5], settings.contrast), each) + mean
    images += tf.reshape(_uniform(images, seeds[6], settings.brightness), each)
    if settings.noise:
        images += settings.noise * tf.random.stateless_normal(tf.shape(images), seeds[7])
    return tf.clip_by_value(images, 0.0, 1.0)
