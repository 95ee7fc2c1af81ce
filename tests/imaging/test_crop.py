from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from data_schemas.image_settings import Crop
from data_schemas.task import Task
from data_schemas.wire import example_pb2
from imaging.canonical import canonical_image
from imaging.crop import Box, crop_box, exposed_box
from imaging.example import serving_examples, training_examples
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms
from imaging.source import read_source


def dataset(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def edges(kind: str, top: int, bottom: int, left: int, right: int) -> dict[str, Any]:
    return {
        f"{kind}Shape": "RECTANGULAR",
        f"{kind}UpperHorizontalEdge": top,
        f"{kind}LowerHorizontalEdge": bottom,
        f"{kind}LeftVerticalEdge": left,
        f"{kind}RightVerticalEdge": right,
    }


@pytest.mark.parametrize(
    ("elements", "box"),
    [
        ({}, None),
        (edges("Collimator", 2, 9, 3, 8), Box(1, 9, 2, 8)),  # rows 2 to 9 and columns 3 to 8, which count from 1
        (edges("Shutter", 2, 9, 3, 8), Box(1, 9, 2, 8)),
        (edges("Collimator", 2, 9, 1, 20) | edges("Shutter", 1, 20, 3, 8), Box(1, 9, 2, 8)),
        ({"CollimatorShape": "CIRCULAR", "CenterOfCircularCollimator": [10, 20], "RadiusOfCircularCollimator": 5},
         Box(4, 15, 14, 25)),
        ({"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 5, 9, 2, 9, 8]}, Box(0, 9, 1, 8)),
        (edges("Shutter", 1, 9, 1, 9) | {"ShutterShape": ["RECTANGULAR", "CIRCULAR"], "CenterOfCircularShutter": [4, 4],
          "RadiusOfCircularShutter": 2}, Box(1, 6, 1, 6)),
        ({"CollimatorShape": "RECTANGULAR", "CollimatorLeftVerticalEdge": 3}, None),
        ({"CollimatorShape": "CIRCULAR", "CenterOfCircularCollimator": [10, 20]}, None),
        ({"ShutterShape": "BITMAP"}, None),
        ({"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 5, 9, 2]}, None),
    ],
)  # fmt: skip
def test_what_collimators_and_shutters_leave_open(elements: dict[str, Any], box: Box | None) -> None:
    assert exposed_box(dataset(**elements), 0) == box


def test_each_frame_has_its_own_shutter_and_collimator() -> None:
    groups = [
        dataset(
            FrameDisplayShutterSequence=Sequence([dataset(**edges("Shutter", number, 9, 1, 9))]),
            CollimatorShapeSequence=Sequence([dataset(**edges("Collimator", 1, 9, number, 9))]),
        )
        for number in (2, 3)
    ]
    made = dataset(PerFrameFunctionalGroupsSequence=Sequence(groups))
    assert [exposed_box(made, index) for index in (0, 1)] == [Box(1, 9, 1, 9), Box(2, 9, 2, 9)]


def cropped(pixels: NDArray[Any], policy: Crop, exposed: Box | None) -> NDArray[Any]:
    box = crop_box(pixels, policy, exposed)
    return pixels[box.top : box.bottom, box.left : box.right]


def framed(*, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0, value: int = 7) -> NDArray[np.uint16]:
    core = np.arange(1, 101, dtype=np.uint16).reshape(10, 10)
    return np.pad(core, ((top, bottom), (left, right)), constant_values=value)


@given(*[st.integers(0, 3)] * 4, st.integers(0, 65_535))
def test_a_constant_border_is_cut_off_and_no_more(top: int, bottom: int, left: int, right: int, value: int) -> None:
    image = framed(top=top, bottom=bottom, left=left, right=right, value=value)
    np.testing.assert_array_equal(cropped(image, "border", None), framed())


def test_borders_of_several_values_are_cut_off_one_after_the_other() -> None:
    image = np.pad(framed(left=1, value=0), ((1, 1), (0, 0)), constant_values=500)
    np.testing.assert_array_equal(cropped(image, "border", None), framed())


def test_an_uneven_border_stays() -> None:
    image = framed(top=2)
    image[0, 3] = 8
    assert cropped(image, "border", None).shape == (12, 10)


@pytest.mark.parametrize("policy", ["border", "collimation"])
def test_less_than_a_quarter_is_never_left(policy: Crop) -> None:
    # Of 21 x 20 pixels a field of 10 x 10 is less than a quarter, of 20 x 20 it is just one.
    small, large = framed(top=6, bottom=5, left=5, right=5), framed(top=5, bottom=5, left=5, right=5)
    assert cropped(small, policy, Box(6, 16, 5, 15)).shape == (21, 20)
    assert cropped(large, policy, Box(5, 15, 5, 15)).shape == (10, 10)


@pytest.mark.parametrize("constant", [np.full((5, 6), 3, np.uint16), np.zeros((1, 1), np.int16)])
def test_a_constant_image_stays(constant: NDArray[Any]) -> None:
    assert cropped(constant, "border", None).shape == constant.shape


def test_without_a_word_on_collimation_nothing_is_cut() -> None:
    assert cropped(framed(top=3), "collimation", None).shape == (13, 10)


@given(*[st.integers(-30, 30)] * 4)
def test_a_box_beyond_the_image_is_cut_to_it(top: int, bottom: int, left: int, right: int) -> None:
    found = cropped(framed(), "collimation", Box(top, bottom, left, right))
    assert 25 <= found.size <= 100


def with_crop(task: Task, policy: Crop) -> Task:
    return task.model_copy(update={"image": task.image.model_copy(update={"crop": policy})})


@pytest.mark.parametrize(("policy", "shape"), [("none", (40, 40)), ("border", (32, 36)), ("collimation", (31, 30))])
def test_training_and_serving_see_what_the_task_crops(
    dicom: Any, chest_task: Task, policy: Crop, shape: tuple[int, int]
) -> None:
    core = np.random.default_rng(0).integers(1, 4000, (32, 36)).astype(np.uint16)
    film = np.pad(core, ((4, 4), (2, 2)))
    data = dicom(film, **edges("Collimator", 5, 35, 6, 35))
    task = with_crop(chest_task, policy)
    assert canonical_image(read_source(data), task).shape == shape
    row = ManifestRow(row=1, file=Path("a.dcm"), label="NORMAL")
    (trained,) = training_examples(data, row=row, task=task, pseudonyms=Pseudonyms(bytes(32)))
    (served,) = serving_examples(data, task=task)
    assert png_shape(trained.serialized) == png_shape(served.serialized) == shape


def png_shape(record: bytes) -> tuple[int, ...]:
    png = example_pb2.Example.FromString(record).features.feature["image"].bytes_list.value[0]
    found: tuple[int, ...] = imagecodecs.png_decode(png).shape
    return found


def test_the_range_is_that_of_what_stays(dicom: Any, chest_task: Task) -> None:
    # Without a window the image's own range is shown: with the white border that is 0..4000, without it 0..99.
    core = np.arange(100, dtype=np.uint16).reshape(10, 10)
    data = dicom(np.pad(core, 2, constant_values=4000))
    found = canonical_image(read_source(data), with_crop(chest_task, "border"))
    assert (found.min(), found.max()) == (0, 65_535)
    assert canonical_image(read_source(data), chest_task)[2:-2, 2:-2].max() < 2000
