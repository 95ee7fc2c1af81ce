"""What a viewer is given of a file: 8- or 16-bit unsigned samples of a frame, and how they are read; pictures of it.

A viewer's value u stands for `slope * u + intercept`. Where every stored value fits, u is the stored value, moved to be
unsigned. Where it does not (32 bits, floats, a Modality LUT, frames that are rescaled differently), u spreads what the
values are after the modality transformation over 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from data_schemas.errors import Corrupt
from data_schemas.image_settings import Intensity
from imaging.dicom_file import value
from imaging.header_values import functional_group, numbers
from imaging.intensity import modality_values, shown_values, windowed
from imaging.presentation import LookupTable, Presentation, VoiWindow, read_presentation
from imaging.source import SourceFile, SourceImage
from imaging.value_table import ValueTable

Samples = NDArray[np.uint8] | NDArray[np.uint16]
Gray = NDArray[np.uint8]

THUMBNAIL_SIDE = 256
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_MOST_WINDOWS = 16
_LONGEST_EXPLANATION = 64
_SHOWN = Intensity(policy="voi")


@dataclass(frozen=True)
class ViewerWindow:
    """A window in the unit of a viewer's values after slope and intercept."""

    center: float
    width: float
    explanation: str = ""


@dataclass(frozen=True)
class ViewerFormat:
    """How a viewer reads the samples of a file's frames.

    Attributes:
        dtype: of a sample, little endian.
        samples: 1 for gray, 3 for RGB.
        slope, intercept: value = slope * sample + intercept.
        inverted: whether the lowest value is white.
        unit: `HU` for CT whose values are Hounsfield units, else empty.
        windows: the file's, else one; the first is the one to begin with.
        aspect: height of a pixel over its width.
        spacing_mm: height and width of a pixel, where the header says them.
    """

    rows: int
    columns: int
    frames: int
    dtype: Literal["uint8", "uint16"]
    samples: Literal[1, 3]
    slope: float = 1.0
    intercept: float = 0.0
    inverted: bool = False
    unit: str = ""
    windows: tuple[ViewerWindow, ...] = ()
    aspect: float = 1.0
    spacing_mm: tuple[float, float] | None = None


def viewer_format(source: SourceFile, shown: SourceImage) -> ViewerFormat:
    """Returns how a viewer reads a file.

    Args:
        source: the file.
        shown: the frame of it whose window is the one to begin with.

    Raises:
        Unsupported, Corrupt: frames have to be read for it and cannot.
    """
    rows, columns = shown.pixels.shape
    spacing = _spacing(source.dataset, shown.frame - 1)
    presentation, frames = shown.presentation, source.header.frames
    if shown.colour is not None:
        return ViewerFormat(
            rows, columns, frames, "uint8", 3, windows=(ViewerWindow(127.5, 255.0),), aspect=presentation.aspect,
            spacing_mm=spacing,
        )  # fmt: skip
    dtype, slope, intercept = _scale(source, shown)
    return ViewerFormat(
        rows=rows,
        columns=columns,
        frames=frames,
        dtype=dtype,
        samples=1,
        slope=slope,
        intercept=intercept,
        inverted=presentation.inverted,
        unit=_unit(source.header.modality, presentation),
        windows=_windows(shown),
        aspect=presentation.aspect,
        spacing_mm=spacing,
    )


def viewer_samples(image: SourceImage, how: ViewerFormat) -> Samples:
    """Returns a frame's samples, (rows, columns) or (rows, columns, 3) of `how.dtype`.

    Raises:
        Corrupt: the frame has another shape than the file's first.
    """
    if image.pixels.shape != (how.rows, how.columns) or (image.colour is None) != (how.samples == 1):
        raise Corrupt("frames of different shapes in one file")
    if image.colour is not None:
        return _eight_bits(image.colour)
    found = ValueTable(image.pixels)
    values = modality_values(np.nan_to_num(found.values), image.presentation)
    samples = np.rint((values - how.intercept) / how.slope).clip(0, np.iinfo(how.dtype).max)
    return found.mapped(samples.astype(np.uint16)).astype(how.dtype, copy=False)


def picture(image: SourceImage, *, window: tuple[float, float] | None = None, invert: bool = False) -> NDArray[Any]:
    """Returns a frame as a picture, uint8 (rows, columns), or (rows, columns, 3) RGB for colour.

    Args:
        image: the frame.
        window: center and width in the unit of its values; the file's own VOI unless given, as a task with
            `intensity.policy: voi` shows it.
        invert: black for white.
    """
    if image.colour is not None:
        shown: NDArray[Any] = _eight_bits(image.colour)
    elif window is None:
        shown = shown_values(image.pixels, image.presentation, _SHOWN)
    else:
        found = ValueTable(image.pixels)
        values = modality_values(np.nan_to_num(found.values), image.presentation)
        unit = windowed(values, VoiWindow(window[0], max(window[1], 1.0)))
        unit = 1 - unit if image.presentation.inverted else unit
        shown = found.mapped(np.rint(unit * 255).astype(np.uint8))
    return np.asarray(255 - shown if invert else shown, np.uint8)


def thumbnail(image: SourceImage, side: int = THUMBNAIL_SIDE) -> NDArray[Any]:
    """Returns a picture whose longest side is at most `side`, with square pixels."""
    shown = picture(image)
    rows, columns = shown.shape[0] * max(image.presentation.aspect, 1.0), float(shown.shape[1])
    columns *= max(1 / image.presentation.aspect, 1.0)
    scale = min(1.0, side / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_picture(shown: NDArray[Any]) -> bytes:
    """Returns the PNG of a gray or RGB picture."""
    done, encoded = cv2.imencode(".png", shown[..., ::-1] if shown.ndim == 3 else shown)
    if not done:
        raise Corrupt("the picture cannot be written as PNG")
    return encoded.tobytes()


def _eight_bits(colour: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(colour if colour.dtype == np.uint8 else colour >> 8, np.uint8)


def _scale(source: SourceFile, shown: SourceImage) -> tuple[Literal["uint8", "uint16"], float, float]:
    """Returns the type of a sample, and slope and intercept of what it stands for."""
    presentation, bits = shown.presentation, shown.presentation.bits_stored
    whole = shown.pixels.dtype.kind in "iub" and bits <= 16
    if not whole or presentation.modality_lut is not None or _rescaled_differently(source):
        low, high = _value_range(source, shown)
        return "uint16", (high - low) / 65_535 if high > low else 1.0, low
    slope, intercept = presentation.slope or 1.0, presentation.intercept or 0.0
    moved = 2 ** (bits - 1) if presentation.signed else 0
    return "uint8" if bits <= 8 else "uint16", slope, intercept - slope * moved


def _rescaled_differently(source: SourceFile) -> bool:
    """Returns whether the frames of an enhanced object differ in how stored values become values."""
    dataset = source.dataset
    if dataset is None or source.header.frames == 1 or not value(dataset, "PerFrameFunctionalGroupsSequence"):
        return False
    bits, signed = source.header.bits_stored, value(dataset, "PixelRepresentation") == 1
    found = set()
    for index in range(source.header.frames):
        one = read_presentation(dataset, index, bits_stored=bits, signed=signed)
        found.add((one.slope, one.intercept))
    return len(found) > 1


def _value_range(source: SourceFile, shown: SourceImage) -> tuple[float, float]:
    """Returns the lowest and highest value of all frames after the modality transformation."""
    frames = [shown] if source.header.frames == 1 else source.chosen("every")
    ranges = [_frame_range(frame) for frame in frames]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _frame_range(image: SourceImage) -> tuple[float, float]:
    """Returns the lowest and highest value of a frame, padding left out where anything else is there."""
    stored, padding = ValueTable(image.pixels), image.presentation.padding
    if padding is None and image.presentation.modality_lut is None and image.pixels.dtype.kind in "iub":
        ends = modality_values(stored.values[[0, -1]], image.presentation)  # a straight line: no need to count
        return float(ends.min()), float(ends.max())
    there = stored.counts > 0
    there &= np.isfinite(stored.values)
    if padding is not None:
        inside = there & ((stored.values < padding[0]) | (stored.values > padding[1]))
        there = inside if inside.any() else there
    if not there.any():
        return 0.0, 0.0
    values = modality_values(stored.values[there], image.presentation)
    return float(values.min()), float(values.max())


def _windows(image: SourceImage) -> tuple[ViewerWindow, ...]:
    """Returns the windows of a frame; of a VOI LUT what lies between its ends; else what is shown without either."""
    presentation = image.presentation
    tables = [_window_of_table(table) for table in presentation.voi_luts]
    windows = [ViewerWindow(one.center, one.width, _short(one.explanation)) for one in presentation.windows]
    if found := [*tables, *windows][:_MOST_WINDOWS]:
        return tuple(found)
    if presentation.display_ready:
        ends = modality_values(np.array(presentation.stored_range, np.float64), presentation)
        low, high = float(ends.min()), float(ends.max())
    else:
        low, high = _frame_range(image)
    return (ViewerWindow((low + high) / 2, max(high - low, 1e-6)),)


def _window_of_table(table: LookupTable) -> ViewerWindow:
    last = table.first + len(table.entries) - 1
    return ViewerWindow((table.first + last) / 2, float(max(last - table.first, 1)), _short(table.explanation))


def _short(explanation: str) -> str:
    return explanation[:_LONGEST_EXPLANATION]


def _unit(modality: str, presentation: Presentation) -> str:
    rescaled = presentation.slope is not None and presentation.intercept is not None
    in_hounsfield = presentation.modality_lut is None and presentation.rescale_type in ("", "HU")
    return "HU" if modality == "CT" and rescaled and in_hounsfield else ""


def _spacing(dataset: Dataset | None, index: int) -> tuple[float, float] | None:
    if dataset is None:
        return None
    measures = functional_group(dataset, index, "PixelMeasuresSequence")
    for keyword in _SPACINGS:
        found = numbers(measures if keyword == "PixelSpacing" else dataset, keyword)
        if len(found) == 2 and found[0] and found[1] and min(found[0], found[1]) > 0:
            return found[0], found[1]
    return None
