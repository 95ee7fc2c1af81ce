"""From the network's input back to the source, through the whole real way there: ingest and the model's graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from data_schemas.image_settings import Crop
from data_schemas.task import Task
from data_schemas.wire import example_pb2
from imaging.canonical import encode_png, located_image
from imaging.crop import Box
from imaging.example import ServingExample, serving_examples
from imaging.presentation import Presentation
from imaging.source import SourceHeader, SourceImage
from imaging.source_geometry import SourceGeometry, content_box, to_network, to_source
from models.image_graph import images_to_unit
from tests.imaging.conftest import make_dicom
from tests.models.tasks import demo_task

Graphs = dict[tuple[int, int], Callable[..., tf.Tensor]]
SIZES = ((32, 32), (48, 32), (56, 96))


def task_of(size: tuple[int, int], *, crop: Crop = "none", max_side: int = 64) -> Task:
    return demo_task(image={"size": size, "crop": crop, "max_side": max_side})


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    """What a model of each size does to PNGs, traced once."""
    return {size: _graph(task_of(size)) for size in SIZES}


def _graph(task: Task) -> Callable[..., tf.Tensor]:
    return tf.function(lambda png: images_to_unit(png, task=task), input_signature=[tf.TensorSpec([None], tf.string)])


def network_input(png: bytes, size: tuple[int, int], graphs: Graphs) -> np.ndarray:
    return graphs[size](tf.constant([png])).numpy()[0, ..., 0]


def center_of_mass(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(image.shape)
    return float((rows * image).sum() / image.sum()), float((columns * image).sum() / image.sum())


def steps(geometry: SourceGeometry, size: tuple[int, int]) -> tuple[float, float]:
    """Rows and columns of the source that one pixel of the network's input stands for."""
    seen, crop = content_box(geometry, size), geometry.crop
    return (crop.bottom - crop.top) / (seen.bottom - seen.top), (crop.right - crop.left) / (seen.right - seen.left)


def test_without_crop_and_resizing_only_the_padding_goes() -> None:
    # 2 x 4 pixels in the middle of 4 x 4.
    heatmap = np.arange(16, dtype=np.float32).reshape(4, 4)
    geometry = SourceGeometry(2, 4, Box(0, 2, 0, 4), 2, 4)
    np.testing.assert_array_equal(to_source(heatmap, geometry), heatmap[1:3])


def test_pixel_centres_are_at_halves_and_what_was_cropped_off_is_0() -> None:
    # Two columns, 0 and 1, become four, whose centres lie at -.25, .25, .75, 1.25 of the two; beyond an end it stays.
    heatmap = np.array([[0, 1], [0, 1]], np.float32)
    geometry = SourceGeometry(6, 7, Box(1, 5, 2, 6), 2, 2)
    expected = np.zeros((6, 7))
    expected[1:5, 2:6] = [0, 0.25, 0.75, 1]
    np.testing.assert_allclose(to_source(heatmap, geometry), expected)


def test_a_source_with_fewer_pixels_than_the_network_gets_the_mean_of_each_area() -> None:
    heatmap = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 3, 3], [0, 0, 3, 3]], np.float32)
    found = to_source(heatmap, SourceGeometry(2, 2, Box(0, 2, 0, 2), 2, 2))
    np.testing.assert_allclose(found, [[0.25, 0], [0, 3]])


def test_a_point_of_the_source_is_found_in_the_networks_input() -> None:
    # 8 x 4 pixels, of which rows 2 to 6 are shown on 4 x 4 pixels, in a network of 8 x 8: each pixel becomes two.
    geometry = SourceGeometry(8, 4, Box(2, 6, 0, 4), 4, 4)
    assert to_network(2, 0, geometry=geometry, size=(8, 8)) == (0.5, 0.5)
    assert to_network(5.5, 3.5, geometry=geometry, size=(8, 8)) == (7.5, 7.5)
    # In a network of 8 x 16 it stands four columns to the right.
    assert to_network(2, 0, geometry=geometry, size=(8, 16)) == (0.5, 4.5)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(SIZES))
def test_the_content_is_where_the_graph_puts_it(graphs: Graphs, rows: int, columns: int, size: tuple[int, int]) -> None:
    seen = network_input(encode_png(np.full((rows, columns), 65_535, np.uint16)), size, graphs) > 0.5
    box = content_box(SourceGeometry(rows, columns, Box(0, rows, 0, columns), rows, columns), size)
    expected = np.zeros(size, bool)
    expected[box.top : box.bottom, box.left : box.right] = True
    np.testing.assert_array_equal(seen, expected)


LESION = (14, 20)
"""Rows and columns of a lesion, in its corner of the film."""


def film(shape: tuple[int, int], corner: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """Returns a dim noisy film, bright at a lesion near a corner, black 12 pixels all round; and that centre."""
    pixels = np.random.default_rng(0).integers(1, 60, shape).astype(np.uint16)
    top, left = (30 if not far else side - 30 - n for far, side, n in zip(corner, shape, LESION, strict=True))
    pixels[top : top + LESION[0], left : left + LESION[1]] = 4000
    border = np.zeros_like(pixels)
    border[12:-12, 12:-12] = pixels[12:-12, 12:-12]
    return border, (top + (LESION[0] - 1) / 2, left + (LESION[1] - 1) / 2)


def collimated(shape: tuple[int, int]) -> dict[str, Any]:
    """Header of a collimator that leaves open all but 20 rows and 25 columns at each side."""
    return {
        "CollimatorShape": "RECTANGULAR",
        "CollimatorUpperHorizontalEdge": 21,
        "CollimatorLowerHorizontalEdge": shape[0] - 20,
        "CollimatorLeftVerticalEdge": 26,
        "CollimatorRightVerticalEdge": shape[1] - 25,
    }


@pytest.mark.parametrize("policy", ["none", "border", "collimation"])
@pytest.mark.parametrize("shape", [(200, 600), (600, 200)], ids=["landscape", "portrait"])
@pytest.mark.parametrize("spacing", [[0.2, 0.2], [0.2, 0.5], [0.5, 0.2]], ids=["square", "wide", "tall"])
@pytest.mark.parametrize("corner", [(0, 0), (1, 1)], ids=["first", "last"])
def test_a_lesion_in_a_corner_of_a_3_to_1_film_comes_back_to_its_pixel(
    graphs: Graphs, policy: Crop, shape: tuple[int, int], spacing: list[float], corner: tuple[int, int]
) -> None:
    pixels, center = film(shape, corner)
    data = make_dicom(pixels, PixelSpacing=spacing, **collimated(shape))
    (served,) = serving_examples(data, task=task_of((56, 96), crop=policy, max_side=256))
    assert (served.geometry.rows, served.geometry.columns) == shape
    assert (served.geometry.crop == Box(0, shape[0], 0, shape[1])) == (policy == "none")
    seen = network_input(png_of(served), (56, 96), graphs)
    found = to_source(np.where(seen > 0.3, seen, 0), served.geometry)
    assert found.shape == shape
    down, right = steps(served.geometry, (56, 96))
    assert center_of_mass(found) == (pytest.approx(center[0], abs=down), pytest.approx(center[1], abs=right))


def png_of(served: ServingExample) -> bytes:
    png: bytes = example_pb2.Example.FromString(served.serialized).features.feature["image"].bytes_list.value[0]
    return png


@st.composite
def pointed(draw: st.DrawFn) -> tuple[SourceImage, tuple[int, int]]:
    """A black frame of any shape, aspect and collimation, white at one pixel of what is open, and that pixel."""
    rows, columns = draw(st.integers(20, 300)), draw(st.integers(20, 300))
    top, left = draw(st.integers(0, rows // 5)), draw(st.integers(0, columns // 5))
    bottom, right = rows - draw(st.integers(0, rows // 5)), columns - draw(st.integers(0, columns // 5))
    point = (draw(st.integers(top, bottom - 1)), draw(st.integers(left, right - 1)))
    pixels = np.zeros((rows, columns), np.uint8)
    pixels[point] = 255
    presentation = Presentation(bits_stored=8, display_ready=True, aspect=draw(st.sampled_from([0.25, 0.5, 1, 1.7, 4])))
    return SourceImage(pixels, presentation, SourceHeader(), 1, Box(top, bottom, left, right)), point


@settings(max_examples=150, deadline=None)
@given(pointed(), st.sampled_from(SIZES), st.sampled_from([32, 64, 300]))
def test_any_pixel_of_any_geometry_comes_back(
    graphs: Graphs, pointed: tuple[SourceImage, tuple[int, int]], size: tuple[int, int], max_side: int
) -> None:
    source, point = pointed
    image, geometry = located_image(source, task_of(size, crop="collimation", max_side=max_side))
    assert geometry.crop == source.exposed
    found = to_source(network_input(encode_png(image), size, graphs), geometry)
    # Each of two resizings moves the centre of mass by less than a pixel of its result.
    crop = geometry.crop
    canonical = (
        (crop.bottom - crop.top) / geometry.canonical_rows,
        (crop.right - crop.left) / geometry.canonical_columns,
    )
    away = np.abs(np.subtract(center_of_mass(found), point))
    assert (away <= np.add(steps(geometry, size), canonical)).all()


@settings(max_examples=100, deadline=None)
@given(pointed(), st.sampled_from(SIZES))
def test_the_hottest_pixel_of_the_network_covers_the_point_it_was_made_of(
    pointed: tuple[SourceImage, tuple[int, int]], size: tuple[int, int]
) -> None:
    source, point = pointed
    _, geometry = located_image(source, task_of(size, crop="collimation"))
    heatmap = np.zeros(size, np.float32)
    row, column = (round(value) for value in to_network(*point, geometry=geometry, size=size))
    heatmap[min(max(row, 0), size[0] - 1), min(max(column, 0), size[1] - 1)] = 1
    found = np.unravel_index(to_source(heatmap, geometry).argmax(), source.pixels.shape)
    assert (np.abs(np.subtract(found, point)) <= np.add(steps(geometry, size), 1)).all()
