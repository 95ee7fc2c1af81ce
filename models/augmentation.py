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
    flip = settings.horizontal_flip or settings.vertical_flip
    geometric = flip or any((settings.rotation, settings.translation, settings.zoom))
    photometric = any((settings.brightness, settings.contrast, settings.noise)) or settings.gamma > 1

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seeds = tf.unstack(tf.random.split(seed, 11), 11)
        if geometric:
            images = _warp(images, _transforms(images, settings, seeds))
        if photometric:
            images = _jitter(images, settings, seeds)
        if settings.cutout:
            images = _cut_out(images, settings.cutout, seeds[10])
        return images

    return augment


def make_mixup(settings: Augmentation) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns a function of images, targets and a seed that mixes each with another of the batch; or leaves them.

    Targets are float32 (n, labels) as `models.losses` takes them; a finding that is unknown (-1) in one of two images
    is unknown in their mixture.
    """

    def mix(images: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = tf.shape(images)[0]
        seeds = tf.unstack(tf.random.split(seed, 2), 2)
        # The ratio of two gamma variables is a beta variable. The larger part stays with the image's own label.
        gammas = tf.random.stateless_gamma([2, count], seeds[0], alpha=settings.mixup)
        share = gammas[0] / tf.maximum(gammas[0] + gammas[1], 1e-12)
        share = tf.maximum(share, 1.0 - share)
        partner = tf.random.experimental.stateless_shuffle(tf.range(count), seeds[1])
        other_images, other_targets = tf.gather(images, partner), tf.gather(targets, partner)
        of_image, of_target = tf.reshape(share, (-1, 1, 1, 1)), tf.reshape(share, (-1, 1))
        mixed = of_target * targets + (1.0 - of_target) * other_targets
        unknown = (targets < 0) | (other_targets < 0)
        return of_image * images + (1.0 - of_image) * other_images, tf.where(unknown, -1.0, mixed)

    return mix if settings.mixup else lambda images, targets, _: (images, targets)


def _uniform(images: tf.Tensor, seed: tf.Tensor, limit: float) -> tf.Tensor:
    return tf.random.stateless_uniform([tf.shape(images)[0]], seed, -limit, limit)


def _transforms(images: tf.Tensor, settings: Augmentation, seeds: list[tf.Tensor]) -> tf.Tensor:
    """Returns float32 (n, 8): for each image the map from output to input coordinates that TensorFlow's op takes."""
    rows, columns = tf.cast(tf.shape(images)[1], tf.float32), tf.cast(tf.shape(images)[2], tf.float32)
    angle = _uniform(images, seeds[0], math.radians(settings.rotation))
    scale = 1.0 / (1.0 + _uniform(images, seeds[1], settings.zoom))
    coin = tf.random.stateless_uniform([tf.shape(images)[0]], seeds[2])
    mirror = tf.where(coin < 0.5, -1.0, 1.0) if settings.horizontal_flip else tf.ones_like(coin)
    other_coin = tf.random.stateless_uniform([tf.shape(images)[0]], seeds[8])
    upend = tf.where(other_coin < 0.5, -1.0, 1.0) if settings.vertical_flip else tf.ones_like(coin)
    down = _uniform(images, seeds[3], settings.translation) * rows
    right = _uniform(images, seeds[4], settings.translation) * columns
    a, b = mirror * scale * tf.cos(angle), -upend * scale * tf.sin(angle)
    d, e = mirror * scale * tf.sin(angle), upend * scale * tf.cos(angle)
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
    images = tf.clip_by_value(images, 0.0, 1.0)
    if settings.gamma > 1:
        exponent = tf.exp(_uniform(images, seeds[9], math.log(settings.gamma)))
        images = tf.pow(images, tf.reshape(exponent, each))
    return images


def _cut_out(images: tf.Tensor, share: float, seed: tf.Tensor) -> tf.Tensor:
    """Blacks out one square an image, whose middle lies anywhere in it, so that a part may fall off the edge."""
    rows, columns = tf.cast(tf.shape(images)[1], tf.float32), tf.cast(tf.shape(images)[2], tf.float32)
    half = share * tf.minimum(rows, columns) / 2
    place = tf.random.stateless_uniform([2, tf.shape(images)[0], 1], seed)
    in_rows = tf.abs(tf.range(rows)[None] - place[0] * rows) < half
    in_columns = tf.abs(tf.range(columns)[None] - place[1] * columns) < half
    square = in_rows[:, :, None, None] & in_columns[:, None, :, None]
    return tf.where(square, 0.0, images)
