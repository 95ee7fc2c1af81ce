"""The graph's half of the image path, against arrays worked by hand and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import tensorflow as tf

from models.image_graph import images_to_unit
from tests.models.tasks import demo_task


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image.astype(np.uint16))[1].tobytes()


def test_full_scale_becomes_one_and_zero_stays_zero() -> None:
    task = demo_task(image={"size": (16, 16)})
    image = np.zeros((16, 16), np.uint16)
    image[:, 8:] = 65535
    unit = images_to_unit(tf.constant([_png(image)]), task=task).numpy()
    np.testing.assert_allclose(unit[0, :, :8], 0)
    np.testing.assert_allclose(unit[0, :, 8:], 1)


def test_a_wide_image_is_padded_above_and_below() -> None:
    task = demo_task(image={"size": (16, 16)})
    unit = images_to_unit(tf.constant([_png(np.full((8, 16), 65535))]), task=task).numpy()[0, ..., 0]
    np.testing.assert_allclose(unit[4:12], 1, atol=1e-6)
    np.testing.assert_allclose(unit[:4], 0)
    np.testing.assert_allclose(unit[12:], 0)


def test_an_image_fills_the_size_to_the_last_row_whatever_its_own() -> None:
    # In a graph, 254 / (254 / 224) is 223.99998 to tf.image.resize_with_pad.
    task = demo_task(image={"size": (224, 224)})
    in_graph = tf.function(
        lambda png: images_to_unit(png, task=task), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    seen = in_graph(tf.constant([_png(np.full((254, 21), 65535))])).numpy()[0, ..., 0] > 0.5
    assert seen.any(axis=1).all()
    assert seen.any(axis=0).sum() == 224 * 21 // 254


def test_of_a_thin_image_one_column_is_left() -> None:
    unit = images_to_unit(tf.constant([_png(np.full((256, 1), 65535))]), task=demo_task(image={"size": (32, 32)}))
    expected = np.zeros((32, 32))
    expected[:, 15] = 1
    np.testing.assert_allclose(unit.numpy()[0, ..., 0], expected, atol=1e-6)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    checkerboard = (np.indices((64, 64)).sum(0) % 2) * 65535
    unit = images_to_unit(tf.constant([_png(checkerboard)]), task=demo_task(image={"size": (16, 16)})).numpy()
    np.testing.assert_allclose(unit[0, 2:-2, 2:-2], 0.5, atol=0.02)


def test_each_ct_window_becomes_a_channel() -> None:
    windows = ({"center": 40, "width": 400}, {"center": -600, "width": 1500})
    task = demo_task(
        intensity={"policy": "hounsfield", "windows": windows}, image={"size": (16, 16)}, modalities=("CT",)
    )
    hounsfield = np.array([-2000, -600, -160, 40, 240, 3000])
    columns = np.repeat(hounsfield, 16) + 32768
    image = np.tile(columns, (96, 1))
    unit = images_to_unit(tf.constant([_png(image)]), task=task).numpy()
    assert unit.shape == (1, 16, 16, 2)
    soft, lung = unit[0, 8, [1, 14], 0], unit[0, 8, [1, 14], 1]
    np.testing.assert_allclose(soft, [0, 1], atol=1e-5)
    np.testing.assert_allclose(lung, [0, 1], atol=1e-5)
    middle = images_to_unit(tf.constant([_png(np.full((32, 32), 40 + 32768))]), task=task).numpy()
    np.testing.assert_allclose(middle[0, 5, 5], [0.5, (40 + 600 + 750) / 1500], atol=1e-5)


def test_images_of_different_sizes_make_one_batch() -> None:
    pngs = [_png(np.full(shape, 1000)) for shape in ((20, 30), (64, 16))]
    assert images_to_unit(tf.constant(pngs), task=demo_task(image={"size": (32, 48)})).shape == (2, 32, 48, 1)
