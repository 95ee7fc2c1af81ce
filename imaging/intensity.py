"""Stored values -> 16-bit canonical values, by the task's policy. The pipeline of PS3.4, N.2, on whole images at once.

An integer image has at most 65,536 different values, so every policy is computed once for each value that occurs and
looked up for the pixels: exact in float64, and as fast for a sigmoid as for a shift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.errors import Unsupported
from data_schemas.image_settings import Intensity
from imaging.defined_terms import RESCALE_TYPES, told
from imaging.presentation import LookupTable, Presentation, VoiWindow
from imaging.value_table import ValueTable

FULL_SCALE = 65_535
"""Canonical white."""
HOUNSFIELD_OFFSET = 32_768
"""Canonical value of 0 HU (water); -1000 HU (air) is 31,768."""
AIR = -1000.0
"""HU of pixels outside the image, which are padded with values below any tissue."""

_LARGEST = 1e30
"""Float pixels are clipped to this: no quantity is as large, and its square still fits a float64."""

Values = NDArray[np.float64]


def canonical_values(pixels: NDArray[Any], presentation: Presentation, intensity: Intensity) -> NDArray[np.uint16]:
    """Returns an image in canonical 16-bit values, the lowest of which is black whatever the file's polarity.

    Policies:
        voi: the VOI LUT (PS3.3, C.11.2.1.1), else the window (C.11.2.1.2); of several the first, or the one that
            `voi_window` names. Without either, the stored range of an image that is `display_ready`, else the image's
            own range. For CR, DX and MG: their stored values have no unit, and FOR PRESENTATION images (C.8.11.1.1.1)
            carry the window or LUT with which their maker meant them to be read.
        full_range: 0..65535 is the range that Bits Stored allows: nothing depends on the image or its window. For
            images that were made for display without a window, such as secondary captures.
        percentile: 0..65535 is between two percentiles of the image (nearest rank). For MR, whose stored values have
            no unit and change with the coil and the sequence (C.8.3.1 has no Rescale), and for US, whose gain the
            examiner turns; their windows are what one reader last chose.
        hounsfield: HU + 32768, so that the windows can be chosen later, in the graph. For CT, the modality whose
            values have a unit that means the same on every scanner (C.8.2.1, Rescale Type HU).

    Pixel padding (C.7.5.1.1.2) takes no part in ranges and percentiles, and becomes black, or air in Hounsfield units.
    MONOCHROME1 and Presentation LUT Shape INVERSE are inverted once, last (PS3.4, N.2).

    Args:
        pixels: (rows, columns), stored values of any integer or float type.
        presentation: of the same image.
        intensity: the task's policy.

    Raises:
        Unsupported: `hounsfield` and the image does not say how its values become HU.
    """
    found = ValueTable(pixels)
    return found.mapped(_canonical_table(found, presentation, intensity))


def shown_values(pixels: NDArray[Any], presentation: Presentation, intensity: Intensity) -> NDArray[np.uint8]:
    """Returns the canonical values over 257, rounded: what a screen shows of them. Otherwise as `canonical_values`."""
    found = ValueTable(pixels)
    canonical = _canonical_table(found, presentation, intensity)
    return found.mapped(np.rint(canonical / 257.0).astype(np.uint8))


def _canonical_table(found: ValueTable, presentation: Presentation, intensity: Intensity) -> NDArray[np.uint16]:
    """Returns the canonical value of each of the values that occur."""
    stored = found.values
    padded = _padded(stored, presentation)
    if padded.all():
        padded[:] = False
    values = modality_values(np.where(np.isfinite(stored), stored, 0).clip(-_LARGEST, _LARGEST), presentation)
    if intensity.policy == "hounsfield":
        _require_hounsfield(presentation)
        values = np.where(padded, AIR, values)
        table = np.rint(values + HOUNSFIELD_OFFSET).clip(0, FULL_SCALE)
    else:
        unit = _unit(values, lambda: np.where(padded, 0, found.counts), presentation, intensity).clip(0, 1)
        unit = 1 - unit if presentation.inverted else unit
        table = np.rint(np.where(padded, 0, unit) * FULL_SCALE)
    return np.asarray(table, np.uint16)


def modality_values(stored: Values, presentation: Presentation) -> Values:
    """Returns stored values after the Modality LUT, or Rescale Slope and Intercept (PS3.3, C.11.1)."""
    if presentation.modality_lut is not None:
        return looked_up(stored, presentation.modality_lut)
    slope = 1.0 if presentation.slope is None else presentation.slope
    return stored * slope + (presentation.intercept or 0.0)


def looked_up(values: Values, table: LookupTable) -> Values:
    """Returns the entries of a lookup table for values; those beyond an end take the entry there."""
    positions = np.rint(values - table.first).clip(0, len(table.entries) - 1).astype(np.intp)
    entries: Values = table.entries[positions]
    return entries


def windowed(values: Values, window: VoiWindow) -> Values:
    """Returns values in 0..1 after a window (PS3.3, C.11.2.1.2.1 LINEAR, C.11.2.1.3.1 SIGMOID, .2 LINEAR_EXACT)."""
    if window.function == "SIGMOID":
        exponent = (-4 * (values - window.center) / window.width).clip(-700, 700)
        return np.asarray(1 / (1 + np.exp(exponent)))
    if window.function == "LINEAR_EXACT":
        return ((values - window.center) / window.width + 0.5).clip(0, 1)
    if window.width == 1:
        return np.where(values <= window.center - 0.5, 0.0, 1.0)
    return ((values - (window.center - 0.5)) / (window.width - 1) + 0.5).clip(0, 1)


def _padded(stored: Values, presentation: Presentation) -> NDArray[np.bool_]:
    outside = ~np.isfinite(stored)
    if presentation.padding is not None:
        low, high = presentation.padding
        outside |= (stored >= low) & (stored <= high)
    return outside


def _require_hounsfield(presentation: Presentation) -> None:
    if presentation.modality_lut is not None:
        raise Unsupported("a Modality LUT instead of Rescale Slope and Intercept: its values are not Hounsfield units")
    if presentation.slope is None or presentation.intercept is None:
        raise Unsupported("no Rescale Slope and Intercept: stored values cannot become Hounsfield units")
    if presentation.rescale_type not in ("", "HU", "US"):
        raise Unsupported(f"Rescale Type is {told(presentation.rescale_type, RESCALE_TYPES)}, where HU is needed")


def _unit(
    values: Values, counts: Callable[[], NDArray[Any]], presentation: Presentation, intensity: Intensity
) -> Values:
    """Returns values in 0..1 by a policy that shows them; `counts` is called by policies that count pixels alone."""
    if intensity.policy == "voi" and (presentation.voi_luts or presentation.windows):
        chosen = chosen_voi(presentation, intensity.voi_window)
        if isinstance(chosen, VoiWindow):
            return windowed(values, chosen)
        return np.divide(looked_up(values, chosen), 2**chosen.bits - 1)
    if intensity.policy == "percentile":
        return _stretched(values, *_percentiles(values, counts(), intensity.percentiles))
    if intensity.policy == "full_range" or presentation.display_ready:
        return _stretched(values, *_stored_range(presentation))
    return _stretched(values, *_percentiles(values, counts(), (0, 100)))


def chosen_voi(presentation: Presentation, wanted: int | str) -> LookupTable | VoiWindow:
    """Returns the VOI LUT or window that a task shows (PS3.3, C.11.2.1: the file's are alternatives).

    Args:
        presentation: with at least one of them.
        wanted: a number, the first being 1, of the VOI LUTs or, where there are none, of the windows; or an explanation
            of either, in whatever case. One that the file does not have is the first.
    """
    offered: list[LookupTable | VoiWindow] = [*presentation.voi_luts, *presentation.windows]
    if isinstance(wanted, str):
        named = (one for one in offered if one.explanation.upper() == wanted.strip().upper())
        return next(named, offered[0])
    kind = presentation.voi_luts or presentation.windows
    return kind[wanted - 1] if wanted <= len(kind) else kind[0]


def _stretched(values: Values, low: float, high: float) -> Values:
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _stored_range(presentation: Presentation) -> tuple[float, float]:
    """Returns the modality values of the lowest and highest stored value that Bits Stored allows."""
    ends = modality_values(np.array(presentation.stored_range, np.float64), presentation)
    return float(ends.min()), float(ends.max())


def _percentiles(values: Values, counts: NDArray[Any], percents: tuple[float, float]) -> tuple[float, float]:
    """Returns two percentiles of an image, nearest rank, from how often each value occurs."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(counts[order])
    ranks = np.ceil(np.array(percents) / 100 * cumulative[-1]).clip(1, cumulative[-1])
    low, high = values[order][np.searchsorted(cumulative, ranks)]
    return float(low), float(high)
