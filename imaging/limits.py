"""What is refused before memory is set aside for it: a header of a few bytes can ask for any amount."""

from __future__ import annotations

from data_schemas.errors import Corrupt, Unsupported

MAX_FILE_BYTES = 2 * 1024**3
"""Bytes of one file, and of one inflated dataset: tomosynthesis stays below 1 GiB; beyond 2 GiB lengths overflow."""

MAX_SIDE = 65_535
"""Rows or columns: both are US, two bytes, in DICOM (0028,0010) and (0028,0011)."""

MAX_FRAME_SAMPLES = 2**27
"""Samples of one frame, 256 MiB at 16 bits: five times the largest mammograms (about 27 million)."""

MAX_FRAMES = 100_000
"""Frames of one object: a cine run has hundreds, a whole-slide level tens of thousands."""

MAX_VOLUME_BYTES = 2**30
"""Bytes of a NIfTI file's header and voxels, inflated: 2,000 CT slices of 512 x 512 at 16 bits."""

MAX_EXAMPLE_FRAMES = 1024
"""Frames of one file that `image.frame: every` makes examples of: they are in memory together, about 0.25 MB each,
because a file with one broken frame gives none."""

MAX_INSPECTED_SAMPLES = 2**31
"""Samples of all frames that an inspection decodes one after the other: minutes, not hours."""


def check_frame(*, rows: int, columns: int, samples: int, frames: int = 1) -> None:
    """Raises unless an image of this shape may be decoded.

    Args:
        rows: of the image.
        columns: of the image.
        samples: samples per pixel, 1 or 3.
        frames: number of frames.

    Raises:
        Corrupt: a number is not positive, or none that DICOM can hold.
        Unsupported: the image is larger than Radflow reads.
    """
    if not (0 < rows <= MAX_SIDE and 0 < columns <= MAX_SIDE and frames > 0):
        raise Corrupt(f"impossible shape: {rows} rows, {columns} columns, {frames} frames")
    if samples not in (1, 3):
        raise Unsupported(f"{samples} samples per pixel; 1 and 3 are read")
    if rows * columns * samples > MAX_FRAME_SAMPLES:
        raise Unsupported(f"a frame of {rows} x {columns} x {samples} samples; at most {MAX_FRAME_SAMPLES} are read")
    if frames > MAX_FRAMES:
        raise Unsupported(f"{frames} frames; at most {MAX_FRAMES} are read")
