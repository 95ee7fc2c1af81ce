"""What a stress test does to an image: ablations of shortcuts, and shifts such as another scanner or archive brings.

Each is a function of a canonical image (16 bits, gray) and gives another of the same size. What is random in it is
drawn from the image's id, so that two runs change an image alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from data_schemas.errors import Corrupt
from imaging.ablations import Image, without_border, without_corners, without_text
from imaging.display import Display
from imaging.intensity import FULL_SCALE

Kind = Literal["shortcut", "shift"]
Change = Callable[[Image, float, Display, np.random.Generator], Image]


@dataclass(frozen=True)
class Perturbation:
    """A way to change images, and how far it goes.

    Attributes:
        name: what is changed.
        kind: `shortcut`, something taken away that no disease shows in; `shift`, what differs between places.
        levels: how much, mildest first.
        unit: how a level is written, a format of one number.
        change: from image, level, what the task shows and a generator to the changed image.
    """

    name: str
    kind: Kind
    levels: tuple[float, ...]
    unit: str
    change: Change

    def level_text(self, level: float) -> str:
        """Returns a level in words."""
        return self.unit.format(level)

    def apply(self, image: Image, level: float, *, display: Display, image_id: str) -> Image:
        """Returns the changed image, uint16 of the same shape.

        Args:
            image: canonical, uint16 (rows, columns).
            level: one of `levels`.
            display: what the task shows.
            image_id: what the image is called; it seeds what is random.
        """
        return self.change(image, level, display, _generator(self.name, image_id))


def with_noise(image: Image, share: float, display: Display, generator: np.random.Generator) -> Image:
    """Adds normal noise, independent by pixel, whose standard deviation is a share of the window's width."""
    noise = generator.standard_normal(image.shape, np.float32)
    return _canonical(image + noise * np.float32(share * display.width))


def blurred(image: Image, share: float) -> Image:
    """Blurs with a Gaussian whose standard deviation is a share of the longer side."""
    sigma = share * max(image.shape)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint16)


def with_contrast(image: Image, factor: float, display: Display) -> Image:
    """Draws what the window shows away from its mean (factor above 1), or towards it; what lies outside moves along.

    On CT, air and bone would otherwise decide what the mean is, and soft tissue leave its window.
    """
    black, white = display.window
    shown = image.astype(np.float32).clip(black, white)
    inside = shown == image
    mean = shown[inside].mean() if inside.any() else np.float32(display.center)
    return _canonical(image + np.float32(factor - 1) * (shown - mean))


def with_gamma(image: Image, gamma: float, display: Display) -> Image:
    """Makes what lies between the window's black and white darker (gamma above 1) or brighter; the rest stays."""
    black, _ = display.window
    shown = image.astype(np.float32).clip(*display.window)
    unit = (shown - np.float32(black)) / np.float32(display.width)
    return _canonical(image + np.float32(display.width) * (unit ** np.float32(gamma) - unit))


def with_window_width(image: Image, factor: float, display: Display) -> Image:
    """Shows the image in a window of another width: what lies outside is black or white."""
    return _rewindowed(image, center=display.center, width=display.width * factor, display=display)


def with_window_center(image: Image, share: float, display: Display) -> Image:
    """Shows the image in a window whose centre lies elsewhere, by a share of its width."""
    center = display.center + share * display.width
    return _rewindowed(image, center=center, width=display.width, display=display)


def rotated(image: Image, degrees: float, generator: np.random.Generator) -> Image:
    """Turns an image about its middle, one way or the other by chance; the edge's values go on beyond it."""
    signed = degrees if generator.integers(2) else -degrees
    rows, columns = image.shape
    turn = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), signed, 1.0)
    turned = cv2.warpAffine(image, turn, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint16)


def with_lower_resolution(image: Image, factor: float) -> Image:
    """Shrinks each side by a factor, by the mean of the area, and enlarges it again, linearly."""
    rows, columns = image.shape
    size = max(1, round(columns / factor)), max(1, round(rows / factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint16)


def with_jpeg(image: Image, quality: float, display: Display) -> Image:
    """Compresses what is shown as a JPEG of 8 bits.

    Raises:
        Corrupt: OpenCV cannot write it.
    """
    span = np.float32(display.white - display.black)
    unit = ((image.astype(np.float32) - np.float32(display.black)) / span).clip(0, 1)
    done, coded = cv2.imencode(".jpg", np.rint(unit * 255).astype(np.uint8), (cv2.IMWRITE_JPEG_QUALITY, int(quality)))
    if not done:
        raise Corrupt("a perturbed image cannot be written as JPEG")
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32)
    return _canonical(np.float32(display.black) + decoded * (span / np.float32(255)))


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation("border", "shortcut", (0.05, 0.1), "outer {:.0%}", lambda i, v, _, __: without_border(i, v)),
    Perturbation("corners", "shortcut", (0.1, 0.2), "{:.0%} of each side", lambda i, v, _, __: without_corners(i, v)),
    Perturbation("burned-in text", "shortcut", (1,), "every line found", lambda i, _, __, ___: without_text(i)),
    Perturbation("noise", "shift", (0.03, 0.1), "{:.0%} of the range", with_noise),
    Perturbation("blur", "shift", (0.005, 0.01), "{:.1%} of the side", lambda i, v, _, __: blurred(i, v)),
    Perturbation("contrast", "shift", (0.7, 1.4), "x {:g}", lambda i, v, d, _: with_contrast(i, v, d)),
    Perturbation("brightness", "shift", (0.7, 1.4), "gamma {:g}", lambda i, v, d, _: with_gamma(i, v, d)),
    Perturbation("window width", "shift", (0.7, 1.5), "x {:g}", lambda i, v, d, _: with_window_width(i, v, d)),
    Perturbation(
        "window centre", "shift", (-0.1, 0.1), "{:+.0%} of its width", lambda i, v, d, _: with_window_center(i, v, d)
    ),
    Perturbation("rotation", "shift", (5, 15), "{:g} degrees", lambda i, v, _, g: rotated(i, v, g)),
    Perturbation("resolution", "shift", (2, 4), "1/{:g}", lambda i, v, _, __: with_lower_resolution(i, v)),
    Perturbation("JPEG", "shift", (50, 10), "quality {:g}", lambda i, v, d, _: with_jpeg(i, v, d)),
)
"""Every one that the StressTest applies; docs/stress.md says what each means."""


def _rewindowed(image: Image, *, center: float, width: float, display: Display) -> Image:
    """Returns values that the task's own window shows as a window of another centre and width would show the image."""
    values = display.center + (image.astype(np.float64) - center) * (display.width / width)
    return _canonical(values)


def _canonical(values: NDArray[Any]) -> Image:
    return np.asarray(np.rint(values).clip(0, FULL_SCALE), np.uint16)


def _generator(name: str, image_id: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{name}\0{image_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
