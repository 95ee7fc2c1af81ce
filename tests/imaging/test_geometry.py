from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.geometry import pixel_aspect


def dataset(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("elements", "aspect"),
    [
        ({}, 1),
        ({"PixelAspectRatio": ["2", "1"]}, 2),  # vertical, then horizontal: PS3.3, C.7.6.3.1.7
        ({"PixelSpacing": ["0.5", "1"]}, 0.5),
        ({"ImagerPixelSpacing": ["0.3", "0.1"]}, 3),
        ({"NominalScannedPixelSpacing": ["0.3", "0.1"]}, 3),
        ({"PixelSpacing": ["1", "1"], "ImagerPixelSpacing": ["2", "1"], "PixelAspectRatio": ["4", "1"]}, 1),
        ({"PixelSpacing": ["0", "1"], "PixelAspectRatio": ["4", "1"]}, 4),
        ({"PixelSpacing": ["1.005", "1"]}, 1),
        ({"PixelSpacing": ["100", "1"]}, 1),
        ({"PixelSpacing": ["-2", "-1"]}, 1),
        ({"PixelSpacing": ["2", "1", "1"]}, 1),
    ],
)
def test_aspect(elements: dict[str, list[str]], aspect: float) -> None:
    assert pixel_aspect(dataset(**elements), 0) == pytest.approx(aspect)


def test_an_enhanced_object_has_its_spacing_in_functional_groups() -> None:
    frames = [dataset(PixelMeasuresSequence=Sequence([dataset(PixelSpacing=[f"{n}", "1"])])) for n in (2, 3)]
    made = dataset(PerFrameFunctionalGroupsSequence=Sequence(frames), PixelAspectRatio=["9", "1"])
    assert [pixel_aspect(made, index) for index in (0, 1)] == [2, 3]
