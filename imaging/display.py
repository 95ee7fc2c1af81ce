"""Which canonical values a task shows: everything, or what its CT windows let through."""

from __future__ import annotations

from dataclasses import dataclass

from data_schemas.image_settings import Intensity
from imaging.intensity import FULL_SCALE, HOUNSFIELD_OFFSET


@dataclass(frozen=True)
class Display:
    """The range of canonical values that the network can tell apart, and the first window on them.

    Attributes:
        black, white: canonical values; of several CT windows the lowest black and the highest white.
        center, width: of the task's first window, in canonical values; of the whole range where there are no windows.
    """

    black: float
    white: float
    center: float
    width: float

    @property
    def window(self) -> tuple[float, float]:
        """Canonical black and white of the first window."""
        return self.center - self.width / 2, self.center + self.width / 2


def display_of(intensity: Intensity) -> Display:
    """Returns what a task's intensity policy shows of a canonical image."""
    if not intensity.windows:
        return Display(0.0, float(FULL_SCALE), FULL_SCALE / 2, float(FULL_SCALE))
    first = intensity.windows[0]
    return Display(
        black=HOUNSFIELD_OFFSET + min(window.center - window.width / 2 for window in intensity.windows),
        white=HOUNSFIELD_OFFSET + max(window.center + window.width / 2 for window in intensity.windows),
        center=HOUNSFIELD_OFFSET + first.center,
        width=first.width,
    )
