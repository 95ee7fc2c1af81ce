"""NIfTI files (.nii, .nii.gz) -> slices as a radiologist sees them; public sets of CT and MR come so.

NIfTI-1.1 (nifti.nimh.nih.gov) and NIfTI-2; nibabel reads the header and the orientation.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.errors import Corrupt, Unsupported
from imaging.geometry import plausible_aspect
from imaging.limits import MAX_FILE_BYTES, MAX_VOLUME_BYTES, check_frame

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_SIZES = {348: (344, (b"n+1\0", b"ni1\0"), 352), 540: (4, (b"n+2\0", b"ni2\0"), 544)}
"""sizeof_hdr -> where the magic stands, what it may be (one file, a pair of files), and the first byte after it all."""
_HEADER_BYTES = 544


@dataclass(frozen=True)
class NiftiVolume:
    """The slices of a NIfTI file.

    Attributes:
        slices: (slices, rows, columns), stored values, a view of integers or floats in any byte order.
        slope, intercept: scl_slope and scl_inter: value = stored * slope + intercept.
        shown: cal_min and cal_max, the values that are black and white; None where the file has none.
        aspect: height of a pixel over its width.
    """

    slices: NDArray[Any]
    slope: float
    intercept: float
    shown: tuple[float, float] | None
    aspect: float


def is_nifti(data: bytes) -> bool:
    """Returns whether bytes start as a NIfTI file does, compressed by gzip or not."""
    return _layout(_start(data)) is not None


def read_nifti(data: bytes) -> NiftiVolume:
    """Returns the slices of a NIfTI file in the plane that they were stored in, along its third axis.

    They are turned as radiologists look at them, by the file's affine: axial with the patient's right on the left and
    anterior up, coronal with the right on the left and the head up, sagittal with anterior on the left and the head up.
    Slices are in the order of RAS+ coordinates: from the feet up, from posterior to anterior, from left to right.

    Raises:
        Corrupt: the header is impossible, or the file ends before its voxels do.
        Unsupported: larger than Radflow reads, more than one volume, colour or complex voxels, or half of a pair of
            files.
    """
    if len(data) > MAX_FILE_BYTES:
        raise Unsupported(f"the file has {len(data)} bytes; at most {MAX_FILE_BYTES} are read")
    start = _start(data)
    layout = _layout(start)
    if layout is None:
        raise Corrupt("no NIfTI header")
    header = _header(start, layout)
    shape, dtype = _shape(header), _dtype(header)
    offset, size = _offset(header, layout), int(np.prod(shape, dtype=object)) * dtype.itemsize
    if offset + size > MAX_VOLUME_BYTES:
        raise Unsupported(f"a volume of {shape} voxels, {offset + size} bytes; at most {MAX_VOLUME_BYTES} are read")
    voxels = np.frombuffer(_content(data, offset + size), dtype, size // dtype.itemsize, offset)
    volume = _turned(voxels.reshape(shape, order="F"), header)
    slices, rows, columns = volume.slices.shape
    check_frame(rows=rows, columns=columns, samples=1, frames=slices)
    return volume


def _start(data: bytes) -> bytes:
    """Returns the first bytes, inflated."""
    if not data.startswith(_GZIP):
        return data[:_HEADER_BYTES]
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(data[:MAX_FILE_BYTES], _HEADER_BYTES)
    except zlib.error:
        return b""


def _layout(start: bytes) -> tuple[int, bytes, int] | None:
    """Returns sizeof_hdr, the magic and the first byte after the header; None where it is no NIfTI header."""
    for size, (place, magics, end) in _SIZES.items():
        magic = start[place : place + 4]
        if len(start) >= size and magic in magics and size in (_integer(start, "little"), _integer(start, "big")):
            return size, magic, end
    return None


def _integer(start: bytes, order: Any) -> int:
    return int.from_bytes(start[:4], order)


def _header(start: bytes, layout: tuple[int, bytes, int]) -> Any:
    from nibabel.nifti1 import Nifti1Header  # a quarter of a second, for those alone who read NIfTI
    from nibabel.nifti2 import Nifti2Header

    size, magic, _ = layout
    if magic.startswith(b"ni"):
        raise Unsupported("a NIfTI header whose voxels are in another file; give one .nii or .nii.gz")
    try:
        # Unchecked: nibabel would log what it mends; what matters is checked below.
        return (Nifti1Header if size == 348 else Nifti2Header)(start[:size], check=False)
    except Exception as error:
        raise Corrupt(f"the NIfTI header cannot be read ({type(error).__name__})") from error


def _shape(header: Any) -> tuple[int, int, int]:
    """Returns three dimensions, of which the third is 1 for a single image."""
    count = int(header["dim"][0])
    found = [int(length) for length in header["dim"][1 : count + 1]] if 0 < count < 8 else []
    if not found or min(found) < 1:
        raise Corrupt("a NIfTI header with impossible dimensions")
    if any(length > 1 for length in found[3:]):
        raise Unsupported(f"{len(found)} dimensions; one volume is read, not a series of them")
    rows, columns, slices = [*found, 1, 1][:3]
    return rows, columns, slices


def _dtype(header: Any) -> np.dtype[Any]:
    try:
        dtype = np.dtype(header.get_data_dtype())
    except Exception as error:
        raise Corrupt("a NIfTI header with an unknown datatype") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise Unsupported(f"voxels of type {dtype.name}; integers and floats of up to 64 bits are read")
    return dtype


def _offset(header: Any, layout: tuple[int, bytes, int]) -> int:
    offset = float(header["vox_offset"])
    if not 0 <= offset <= MAX_FILE_BYTES:
        raise Corrupt("a NIfTI header with an impossible vox_offset")
    return max(int(offset), layout[2])


def _content(data: bytes, needed: int) -> bytes:
    """Returns at least the first `needed` bytes, inflated no further: little gzip can hold any number of zeros."""
    if data.startswith(_GZIP):
        data = _inflated(data, needed)
    if len(data) < needed:
        raise Corrupt("the file ends before its voxels do")
    return data


def _inflated(data: bytes, most: int) -> bytes:
    parts = []
    while most > 0 and data:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            parts.append(inflater.decompress(data, most))
        except zlib.error:
            raise Corrupt("the gzip data cannot be inflated") from None
        most -= len(parts[-1])
        data = inflater.unused_data  # gzip files may be several, one after the other
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _turned(voxels: NDArray[Any], header: Any) -> NiftiVolume:
    from nibabel.orientations import apply_orientation

    orientation = _orientation(header)
    across = int(orientation[2, 0])
    horizontal, vertical = (axis for axis in range(3) if axis != across)
    ras = apply_orientation(voxels, orientation).transpose(across, vertical, horizontal)
    spacing = dict(zip(orientation[:, 0].astype(int).tolist(), _spacing(header), strict=True))
    slope, intercept = _scaling(header)
    return NiftiVolume(
        slices=ras[:, ::-1, ::-1],
        slope=slope,
        intercept=intercept,
        shown=_shown(header),
        aspect=plausible_aspect(spacing[vertical], spacing[horizontal]),
    )


def _orientation(header: Any) -> NDArray[Any]:
    """Returns for each stored axis the RAS+ axis that it lies along, and 1 or -1 for its direction, (3, 2)."""
    from nibabel.orientations import io_orientation

    try:
        affine = header.get_best_affine()
        if not np.isfinite(affine).all():
            raise Corrupt("a NIfTI header with an affine that is not a number")
        orientation: NDArray[Any] = io_orientation(affine)
    except Corrupt:
        raise
    except Exception as error:  # a quaternion longer than 1, a sign that is none, numbers too large to square
        raise Corrupt(f"a NIfTI header with an impossible rotation ({type(error).__name__})") from error
    if np.isnan(orientation).any():  # a flat affine says nothing of an axis; then all are as stored
        return np.array([[0, 1], [1, 1], [2, 1]])
    return orientation


def _spacing(header: Any) -> list[float]:
    """Returns the distances of voxels along the stored axes, in whatever unit."""
    return [abs(float(length)) for length in header["pixdim"][1:4]]


def _scaling(header: Any) -> tuple[float, float]:
    """Returns scl_slope and scl_inter; a slope of 0 or none means that values are as stored."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    if abs(slope) > 1e9 or not abs(intercept) <= 1e9:
        raise Corrupt("a NIfTI header with an impossible scl_slope or scl_inter")
    return slope, intercept


def _shown(header: Any) -> tuple[float, float] | None:
    low, high = float(header["cal_min"]), float(header["cal_max"])
    return (low, high) if -1e9 <= low < high <= 1e9 else None
