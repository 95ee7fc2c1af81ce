"""Pixel data -> array, for every transfer syntax that Radflow reads.

What is compressed goes through imagecodecs (BSD), what is not through pydicom's own numpy code. No plug-in of pydicom
is needed, so none that is under the GPL; imagecodecs also reads the 12-bit and progressive JPEG that they refuse.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import ExplicitVRBigEndian

from data_schemas.errors import Corrupt, ImageRejected, Unsupported
from imaging.codestream import Codestream, read_codestream
from imaging.dicom_file import transfer_syntax, value
from imaging.pixel_format import PixelFormat, pixel_format

Pixels = NDArray[Any]


Decoder = Callable[[bytes, PixelFormat], Pixels]


@dataclass(frozen=True)
class DecoderRow:
    """How one transfer syntax is read.

    Attributes:
        name: of the transfer syntax.
        decode: decodes one compressed frame; None for pixels that are not compressed, which pydicom's own code reads.
        codec: the codec of imagecodecs that it needs; None where Python's and NumPy's own code is enough.
    """

    name: str
    decode: Decoder | None
    codec: str | None = None

    @property
    def missing(self) -> str:
        """What to install where the codec is not there; empty where it is."""
        if self.codec is None or getattr(getattr(imagecodecs, self.codec, None), "available", False):
            return ""
        return f"{self.name} needs imagecodecs with {self.codec}: pip install --upgrade 'imagecodecs>=2025.3.30'"


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
    layout, syntax = pixel_format(dataset), check_transfer_syntax(dataset)
    if not 0 <= index < layout.frames:
        raise Corrupt(f"frame {index} of {layout.frames}")
    try:
        decoder = DECODERS[syntax].decode
        if decoder is None:
            return _native_frame(dataset, syntax, index, layout)
        frame = get_frame(
            dataset.PixelData, index, number_of_frames=layout.frames, extended_offsets=_extended_offsets(dataset)
        )
        return _finished(decoder(frame, layout), layout)
    except (ImageRejected, MemoryError):
        raise
    except Exception as error:  # third-party decoders raise about any type on broken bytes
        raise Corrupt(f"the pixel data cannot be decoded ({type(error).__name__})") from error


def decode_frames(dataset: Dataset, *, beyond: bool = False) -> Iterator[Pixels]:
    """Yields every frame in order, each as `decode_frame` returns it, and raises as it does.

    Args:
        dataset: as for `decode_frame`.
        beyond: also yields frames that are there beyond Number of Frames, as pydicom's `pixel_array` has them.
    """
    layout, syntax = pixel_format(dataset), check_transfer_syntax(dataset)
    decoder = DECODERS[syntax].decode
    if decoder is None:
        yield from (decode_frame(dataset, index) for index in range(layout.frames))
        return
    count = 0
    try:
        for frame in generate_frames(
            dataset.PixelData, number_of_frames=layout.frames, extended_offsets=_extended_offsets(dataset)
        ):
            if count >= layout.frames and not beyond:
                return
            yield _finished(decoder(frame, layout), layout)
            count += 1
    except (ImageRejected, MemoryError, GeneratorExit):
        raise
    except Exception as error:  # as in `decode_frame`
        raise Corrupt(f"the pixel data cannot be decoded ({type(error).__name__})") from error
    if count < layout.frames:
        raise Corrupt(f"{count} of {layout.frames} frames are there")


def check_transfer_syntax(dataset: Dataset) -> str:
    """Returns the transfer syntax of a dataset whose pixels can be decoded.

    Raises:
        Corrupt: it is missing where the pixels are compressed.
        Unsupported: it is not read, or its decoder is not installed.
    """
    syntax = transfer_syntax(dataset)
    if syntax is None:
        raise Corrupt("the transfer syntax is missing and the pixel data are compressed")
    if syntax not in DECODERS:
        name = syntax.name if syntax.is_private or syntax.name != syntax else str(syntax)
        raise Unsupported(f"transfer syntax {name} is not read")
    if missing := DECODERS[syntax].missing:
        raise Unsupported(missing)
    return str(syntax)


def _extended_offsets(dataset: Dataset) -> tuple[bytes, bytes] | None:
    offsets, lengths = value(dataset, "ExtendedOffsetTable"), value(dataset, "ExtendedOffsetTableLengths")
    return (offsets, lengths) if offsets and lengths else None


def _native_frame(dataset: Dataset, syntax: str, index: int, layout: PixelFormat) -> Pixels:
    if layout.bits_allocated == 1 and int(np.prod(layout.shape)) % 8 and syntax != ExplicitVRBigEndian:
        return _packed_frame(dataset.PixelData, index, layout)
    array, _ = get_decoder(syntax).as_array(dataset, index=index)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _packed_frame(data: bytes, index: int, layout: PixelFormat) -> Pixels:
    """Returns a frame of 1-bit pixels that begins or ends within a byte, since all are packed as one (PS3.5, 8.1.1)."""
    size = int(np.prod(layout.shape))
    first, last = index * size, (index + 1) * size
    bits = np.unpackbits(np.frombuffer(data[first // 8 : (last + 7) // 8], np.uint8), bitorder="little")
    return bits[first % 8 :][:size].reshape(layout.shape)


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
        return _signed(_rgb(_lossless_jpeg(data, stream), _colours(stream, layout)), layout, layout.bits_stored)
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
    bits = stream.precision if layout.signed else layout.bits_stored
    return _signed(_rgb(frame, _colours(stream, layout)), layout, bits)


def _colours(stream: Codestream, layout: PixelFormat) -> str:
    """Returns the photometric interpretation of a lossless JPEG or JPEG-LS stream, whose own word goes before."""
    if stream.is_rgb:
        return "RGB"
    return "YBR_FULL" if stream.jfif and "YBR" not in layout.photometric else layout.photometric


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
    """Decodes RLE Lossless (PS3.5, G.2 to G.5): one segment a byte of a sample, most significant first.

    Pixels of 1 bit are packed as they are without compression, and the bytes that they make are one segment.
    """
    count, *offsets = np.frombuffer(data[:_RLE_HEADER], "<u4").tolist()
    if count != layout.samples * layout.dtype.itemsize:
        raise Corrupt(f"{count} RLE segments for {layout.samples} samples of {layout.dtype.itemsize} bytes")
    if layout.bits_allocated == 1:
        return _unpacked(_rle_segment(data[offsets[0] :], _packed_size(layout)), layout)
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
    packed = layout.bits_allocated == 1
    size = _packed_size(layout) if packed else int(np.prod(layout.shape)) * layout.dtype.itemsize
    raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size)
    if packed:
        return _unpacked(np.frombuffer(raw, np.uint8), layout)
    frame = np.frombuffer(raw, layout.dtype.newbyteorder("<")).reshape(layout.shape)
    return _rgb(_signed(frame, layout, layout.bits_stored), layout.photometric)


def _packed_size(layout: PixelFormat) -> int:
    """Returns the bytes of a frame whose pixels have one bit each."""
    return (int(np.prod(layout.shape)) + 7) // 8


def _unpacked(data: NDArray[np.uint8], layout: PixelFormat) -> Pixels:
    """Returns pixels of one bit, the first in the lowest bit of the first byte (PS3.5, 8.1.1)."""
    return np.unpackbits(data, bitorder="little")[: int(np.prod(layout.shape))].reshape(layout.shape)


DECODERS: dict[str, DecoderRow] = {
    "1.2.840.10008.1.2": DecoderRow("Implicit VR Little Endian", None, None),
    "1.2.840.10008.1.2.1": DecoderRow("Explicit VR Little Endian", None, None),
    "1.2.840.10008.1.2.1.99": DecoderRow("Deflated Explicit VR Little Endian", None, None),
    "1.2.840.10008.1.2.2": DecoderRow("Explicit VR Big Endian", None, None),
    "1.2.840.10008.1.2.4.50": DecoderRow("JPEG Baseline (Process 1)", _jpeg, "JPEG8"),
    "1.2.840.10008.1.2.4.51": DecoderRow("JPEG Extended (Process 2 and 4)", _jpeg, "JPEG8"),
    "1.2.840.10008.1.2.4.53": DecoderRow("JPEG Spectral Selection (Process 6 and 8)", _jpeg, "JPEG8"),
    "1.2.840.10008.1.2.4.55": DecoderRow("JPEG Full Progression (Process 10 and 12)", _jpeg, "JPEG8"),
    "1.2.840.10008.1.2.4.57": DecoderRow("JPEG Lossless (Process 14)", _jpeg, "JPEG8"),
    "1.2.840.10008.1.2.4.70": DecoderRow("JPEG Lossless (Process 14, Selection Value 1)", _jpeg, "JPEG8"),
    "1.2.840.10008.1.2.4.80": DecoderRow("JPEG-LS Lossless", _jpeg_ls, "JPEGLS"),
    "1.2.840.10008.1.2.4.81": DecoderRow("JPEG-LS Near-lossless", _jpeg_ls, "JPEGLS"),
    "1.2.840.10008.1.2.4.90": DecoderRow("JPEG 2000 Lossless", _jpeg_2000, "JPEG2K"),
    "1.2.840.10008.1.2.4.91": DecoderRow("JPEG 2000", _jpeg_2000, "JPEG2K"),
    "1.2.840.10008.1.2.4.92": DecoderRow("JPEG 2000 Part 2 Multi-component Lossless", _jpeg_2000, "JPEG2K"),
    "1.2.840.10008.1.2.4.93": DecoderRow("JPEG 2000 Part 2 Multi-component", _jpeg_2000, "JPEG2K"),
    "1.2.840.10008.1.2.4.110": DecoderRow("JPEG XL Lossless", _jpeg_xl, "JPEGXL"),
    "1.2.840.10008.1.2.4.111": DecoderRow("JPEG XL JPEG Recompression", _jpeg_xl, "JPEGXL"),
    "1.2.840.10008.1.2.4.112": DecoderRow("JPEG XL", _jpeg_xl, "JPEGXL"),
    "1.2.840.10008.1.2.4.201": DecoderRow("High-Throughput JPEG 2000 Lossless", _jpeg_2000, "JPEG2K"),
    "1.2.840.10008.1.2.4.202": DecoderRow("High-Throughput JPEG 2000 with RPCL, Lossless", _jpeg_2000, "JPEG2K"),
    "1.2.840.10008.1.2.4.203": DecoderRow("High-Throughput JPEG 2000", _jpeg_2000, "JPEG2K"),
    "1.2.840.10008.1.2.5": DecoderRow("RLE Lossless", _rle, "PACKBITS"),
    "1.2.840.10008.1.2.8.1": DecoderRow("Deflated Image Frame Compression", _deflated_frame, None),
}
"""Transfer syntax -> its row (PS3.6, table A-1)."""
