"""PNG and JPEG files -> array: films that were exported from DICOM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from data_schemas.errors import Corrupt, Unsupported
from imaging.codestream import read_codestream
from imaging.exif import orientation_of, upright
from imaging.limits import MAX_FILE_BYTES, check_frame


@dataclass(frozen=True)
class Raster:
    """A PNG or JPEG image.

    Attributes:
        pixels: (rows, columns) gray or (rows, columns, 3) RGB, upright; uint8, or uint16 for more than 8 bits.
        bits: of a sample: white is 2**bits - 1. PNG of 1, 2 and 4 bits is spread over 8.
    """

    pixels: NDArray[Any]
    bits: int


def is_raster(data: bytes) -> bool:
    """Returns whether bytes start as a PNG or a JPEG file does."""
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def read_raster(data: bytes) -> Raster:
    """Returns the image of a PNG or JPEG file, turned as its Exif orientation says. Transparency is dropped.

    Raises:
        Corrupt: the file is cut off or cannot be decoded.
        Unsupported: it is larger than Radflow reads, or has four colour components (CMYK), which no film has.
    """
    if len(data) > MAX_FILE_BYTES:
        raise Unsupported(f"the file has {len(data)} bytes; at most {MAX_FILE_BYTES} are read")
    header = read_codestream(data)
    check_frame(rows=header.rows, columns=header.columns, samples=header.components)
    try:
        png = data.startswith(b"\x89PNG")
        pixels = np.asarray(imagecodecs.png_decode(data) if png else imagecodecs.jpeg8_decode(data))
    except MemoryError:
        raise
    except Exception as error:  # the codecs raise types of their own
        raise Corrupt(f"the image cannot be decoded ({type(error).__name__})") from error
    if pixels.ndim == 3:
        pixels = pixels[..., 0] if pixels.shape[2] <= 2 else pixels[..., :3]
    bits = header.precision if pixels.dtype.itemsize > 1 else 8
    return Raster(upright(pixels, orientation_of(data)), bits)
