"""PNG and JPEG files -> array: films that were exported from DICOM."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from data_schemas.errors import Corrupt, Unsupported
from imaging.codestream import read_codestream
from imaging.limits import MAX_FILE_BYTES, check_frame


def is_raster(data: bytes) -> bool:
    """Returns whether bytes start as a PNG or a JPEG file does."""
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def read_raster(data: bytes) -> NDArray[Any]:
    """Returns the pixels of a PNG or JPEG file.

    Returns:
        (rows, columns) gray or (rows, columns, 3) RGB; uint8, or uint16 for more than 8 bits. Transparency is dropped.

    Raises:
        Corrupt: the file is cut off or cannot be decoded.
        Unsupported: it is larger than Radflow reads, or has four colour components.
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
    return np.ascontiguousarray(pixels)
