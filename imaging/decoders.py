"""Pixel data -> array, for every transfer syntax that Radflow reads.

What is compressed goes through imagecodecs (BSD), what is not through pydicom's own numpy code. No plug-in of pydicom
is needed, so none that is under the GPL; imagecodecs also reads the 12-bit and progressive JPEG that they refuse.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space

from data_schemas.errors import Corrupt, ImageRejected, Unsupported
from imaging.codestream import Codestream, read_codestream
from imaging.dicom_file import transfer_syntax, value
from imaging.pixel_format import PixelFormat, pixel_format

Pixels = NDArray[Any]


Decoder = Callable[[bytes, PixelFormat], Pixels]

_RLE_HEADER = 64
"""Bytes: the number of segments and fifteen offsets, 32 bits each (PS3.5, G.5)."""
_RLE_LONGEST_RUN = 128
"""Bytes that one code can expand to (PS3.5, G.3.1)."""


def decode_frame(dataset: Dataset, index: int = 0) -> Pixels:
    """Returns one frame as pydicom 3's `pixel_array` has it: signs right, YBR turned to RGB, before any LUT.

    Args:
        dataset: of `imaging.dicom_file.read_dataset`.
        index: the frame, from 0.

    Returns:
        (rows, columns), or (rows, columns, 3) for colour, in the dataset's own integer type and native byte order
        (float32 or float64 for Float Pixel Data).

    Raises:
        NoPixels: there are no pixel data.
        Unsupported: the transfer syntax, or an image of this shape, is not read.
        Corrupt: the pixel data are cut off, contradict the header or cannot be decoded.
    """
    layout, syntax = pixel_format(dataset), _known_syntax(dataset)
    if not 0 <= index < layout.frames:
        raise Corrupt(f"frame {index} of {layout.frames}")
    try:
        decoder = DECODERS[syntax]
        if decoder is None:
            return _native_frame(dataset, syntax, index)
        frame = get_frame(
            dataset.PixelData, index, number_of_frames=layout.frames, extended_offsets=_extended_offsets(dataset)
        )
        return _finished(decoder(frame, layout), layout)
    except (ImageRejected, MemoryError):
        raise
    except Exception as error:  # third-party decoders raise about any type on broken bytes
        raise Corrupt(f"the pixel data cannot be decoded ({type(error).__name__})") from error


def decode_frames(dataset: Dataset) -> Iterator[Pixels]:
    """Yields every frame in order, each as `decode_frame` returns it, and raises as it does.

    JPEG data may hold more frames than Number of Frames says; those beyond are left out.
    """
    layout, syntax = pixel_format(dataset), _known_syntax(dataset)
    decoder = DECODERS[syntax]
    if decoder is None:
        yield from (decode_frame(dataset, index) for index in range(layout.frames))
        return
    count = 0
    try:
        for frame in generate_frames(
            dataset.PixelData, number_of_frames=layout.frames, extended_offsets=_extended_offsets(dataset)
        ):
            if count == layout.frames:
                return
            yield _finished(decoder(frame, layout), layout)
            count += 1
    except (ImageRejected, MemoryError, GeneratorExit):
        raise
    except Exception as error:  # as in `decode_frame`
        raise Corrupt(f"the pixel data cannot be decoded ({type(error).__name__})") from error
    if count < layout.frames:
        raise Corrupt(f"{count} of {layout.frames} frames are there")


def _known_syntax(dataset: Dataset) -> str:
    syntax = transfer_syntax(dataset)
    if syntax is None:
        raise Corrupt("the transfer syntax is missing and the pixel data are compressed")
    if syntax not in DECODERS:
        name = syntax.name if syntax.is_private or syntax.name != syntax else str(syntax)
        raise Unsupported(f"transfer syntax {name} is not read")
    return str(syntax)


def _extended_offsets(dataset: Dataset) -> tuple[bytes, bytes] | None:
    offsets, lengths = value(dataset, "ExtendedOffsetTable"), value(dataset, "ExtendedOffsetTableLengths")
    return (offsets, lengths) if offsets and lengths else None


def _native_frame(dataset: Dataset, syntax: str, index: int) -> Pixels:
    array, _ = get_decoder(syntax).as_array(dataset, index=index)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _finished(frame: Pixels, layout: PixelFormat) -> Pixels:
    if frame.shape != layout.shape:
        raise Corrupt(f"the compressed image is {frame.shape}, the header says {layout.shape}")
    return np.ascontiguousarray(frame)


def _checked_codestream(data: bytes, layout: PixelFormat) -> Codestream:
    """Returns the stream's header once it agrees with the dataset's, so that nothing larger is allocated."""
    stream = read_codestream(data)
    found = (stream.rows, stream.columns, stream.components)
    if found != (layout.rows, layout.columns, layout.samples):
        raise Corrupt(
            f"the compressed image is {found}, the header says {(layout.rows, layout.columns, layout.samples)}"
        )
    if stream.precision > layout.bits_allocated:
        raise Corrupt(f"the compressed image has {stream.precision} bits, the header allocates {layout.bits_allocated}")
    return stream


def _signed(frame: Pixels, layout: PixelFormat, bits: int) -> Pixels:
    """Returns the frame in the dataset's integer type, where the low `bits` of each sample hold its value.

    Bits above are dropped or filled with the sign: a codec that knows no sign leaves them 0 (pydicom does the same).
    """
    frame = frame.astype(layout.dtype, copy=False)
    shift = 8 * frame.dtype.itemsize - bits
    return (frame << shift) >> shift if shift else frame


def _rgb(frame: Pixels, photometric: str) -> Pixels:
    if photometric in ("YBR_FULL", "YBR_FULL_422") and frame.ndim == 3:
        return convert_color_space(frame, photometric, "RGB")
    return frame


def _jpeg(data: bytes, layout: PixelFormat) -> Pixels:
    """Decodes JPEG baseline, extended and progressive (8 and 12 bits) and lossless (2 to 16 bits).

    The stream's own word on its colours (JFIF, Adobe, component names) goes before the header's.
    """
    stream = _checked_codestream(data, layout)
    if stream.lossless_jpeg:
        frame = _rgb(_lossless_jpeg(data, stream), layout.photometric)
        return _signed(frame, layout, layout.bits_stored if layout.signed else stream.precision)
    if layout.samples == 1:
        frame = imagecodecs.jpeg8_decode(data)
    else:
        is_ycbcr = stream.is_ycbcr or (layout.photometric.startswith("YBR") and not stream.is_rgb)
        frame = imagecodecs.jpeg8_decode(data, colorspace="YCBCR" if is_ycbcr else "RGB", outcolorspace="RGB")
    return _signed(frame, layout, layout.bits_stored) if layout.signed else frame.astype(layout.dtype, copy=False)


def _lossless_jpeg(data: bytes, stream: Codestream) -> Pixels:
    """Decodes with libjpeg-turbo, which checks what it reads; with jpegsof3 where the first finds not every table."""
    if not stream.first_table_only:
        return np.asarray(imagecodecs.jpegsof3_decode(bytearray(data)))
    colours = None if stream.components == 1 else "RGB"  # no transform, whatever the markers say
    return np.asarray(imagecodecs.jpeg8_decode(data, colorspace=colours, outcolorspace=colours))


def _jpeg_ls(data: bytes, layout: PixelFormat) -> Pixels:
    stream = _checked_codestream(data, layout)
    frame = imagecodecs.jpegls_decode(data)
    return _signed(_rgb(frame, layout.photometric), layout, stream.precision)


def _jpeg_2000(data: bytes, layout: PixelFormat) -> Pixels:
    """Decodes JPEG 2000 and HTJ2K; the codec undoes YBR_RCT and YBR_ICT, which are its own transforms."""
    stream = _checked_codestream(data, layout)
    frame = imagecodecs.jpeg2k_decode(data)
    frame = _rgb(frame, layout.photometric)
    if stream.signed == layout.signed:
        return frame.astype(layout.dtype, copy=False)
    return _signed(frame, layout, stream.precision)


def _jpeg_xl(data: bytes, layout: PixelFormat) -> Pixels:
    out = np.empty(layout.shape, layout.dtype)  # a codestream of another shape is refused before it is decoded
    return np.asarray(imagecodecs.jpegxl_decode(data, out=out))


def _rle(data: bytes, layout: PixelFormat) -> Pixels:
    """Decodes RLE Lossless (PS3.5, G.2 to G.5): one segment a byte of a sample, most significant first."""
    if layout.bits_allocated == 1:
        raise Unsupported("RLE of 1-bit pixels is not read")
    count, *offsets = np.frombuffer(data[:_RLE_HEADER], "<u4").tolist()
    if count != layout.samples * layout.dtype.itemsize:
        raise Corrupt(f"{count} RLE segments for {layout.samples} samples of {layout.dtype.itemsize} bytes")
    ends = [*offsets[1:count], len(data)]
    size = layout.rows * layout.columns
    segments = [_rle_segment(data[start:end], size) for start, end in zip(offsets, ends, strict=False)]
    planes = np.stack(segments).reshape(layout.samples, layout.dtype.itemsize, size)
    samples = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(layout.dtype.newbyteorder(">"))
    frame = samples.reshape(layout.shape)
    return _rgb(_signed(frame, layout, layout.bits_stored), layout.photometric)


def _rle_segment(data: bytes, size: int) -> NDArray[np.uint8]:
    """Returns `size` bytes; a last run may reach beyond them, as some encoders pad, but not by more than one run."""
    decoded = imagecodecs.packbits_decode(data, out=bytearray(size + _RLE_LONGEST_RUN))
    if len(decoded) < size:
        raise Corrupt(f"an RLE segment of {len(decoded)} bytes for {size} pixels")
    return np.frombuffer(decoded, np.uint8, size)


def _deflated_frame(data: bytes, layout: PixelFormat) -> Pixels:
    """Inflates Deflated Image Frame Compression (PS3.5, 8.2.15), no further than the frame is long."""
    size = int(np.prod(layout.shape)) * layout.dtype.itemsize
    if layout.bits_allocated == 1:
        size = (size + 7) // 8
    raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size)
    if layout.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
        return bits[: layout.rows * layout.columns].reshape(layout.shape)
    frame = np.frombuffer(raw, layout.dtype.newbyteorder("<")).reshape(layout.shape)
    return _rgb(_signed(frame, layout, layout.bits_stored), layout.photometric)


DECODERS: dict[str, Decoder | None] = {
    "1.2.840.10008.1.2": None,  # Implicit VR Little Endian; None is pydicom's own numpy code
    "1.2.840.10008.1.2.1": None,  # Explicit VR Little Endian
    "1.2.840.10008.1.2.1.99": None,  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.2": None,  # Explicit VR Big Endian
    "1.2.840.10008.1.2.4.50": _jpeg,  # JPEG Baseline (Process 1)
    "1.2.840.10008.1.2.4.51": _jpeg,  # JPEG Extended (Process 2 and 4)
    "1.2.840.10008.1.2.4.53": _jpeg,  # JPEG Spectral Selection (Process 6 and 8)
    "1.2.840.10008.1.2.4.55": _jpeg,  # JPEG Full Progression (Process 10 and 12)
    "1.2.840.10008.1.2.4.57": _jpeg,  # JPEG Lossless (Process 14)
    "1.2.840.10008.1.2.4.70": _jpeg,  # JPEG Lossless (Process 14, Selection Value 1)
    "1.2.840.10008.1.2.4.80": _jpeg_ls,  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81": _jpeg_ls,  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.90": _jpeg_2000,  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.91": _jpeg_2000,  # JPEG 2000
    "1.2.840.10008.1.2.4.92": _jpeg_2000,  # JPEG 2000 Part 2 Multi-component Lossless
    "1.2.840.10008.1.2.4.93": _jpeg_2000,  # JPEG 2000 Part 2 Multi-component
    "1.2.840.10008.1.2.4.110": _jpeg_xl,  # JPEG XL Lossless
    "1.2.840.10008.1.2.4.111": _jpeg_xl,  # JPEG XL JPEG Recompression
    "1.2.840.10008.1.2.4.112": _jpeg_xl,  # JPEG XL
    "1.2.840.10008.1.2.4.201": _jpeg_2000,  # High-Throughput JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.202": _jpeg_2000,  # High-Throughput JPEG 2000 with RPCL, Lossless
    "1.2.840.10008.1.2.4.203": _jpeg_2000,  # High-Throughput JPEG 2000
    "1.2.840.10008.1.2.5": _rle,  # RLE Lossless
    "1.2.840.10008.1.2.8.1": _deflated_frame,  # Deflated Image Frame Compression
}
"""Transfer syntax -> decoder of one compressed frame (PS3.6, table A-1)."""
