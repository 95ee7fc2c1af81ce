"""Decodes mutated images in a process of its own: `python mutated_images.py SYNTAX COUNT` prints what became of them.

A decoder in C that a header leads out of its memory ends the process, and with it every test that shares it.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from data_schemas.errors import ImageRejected
from imaging.decoders import decode_frame

Image = NDArray[Any]
_HEADER = 100
"""Bytes from the start that mutations change: all markers of lossless JPEG and JPEG-LS, the first of the others."""


def _ramp(bits: int, *shape: int) -> Image:
    image = np.linspace(0, 2**bits - 1, int(np.prod(shape))).reshape(shape)
    return image.astype(np.uint8 if bits <= 8 else np.uint16)


GRAY = {bits: _ramp(bits, 24, 40) for bits in (8, 12, 16)}
COLOUR = _ramp(8, 24, 40, 3)


def lossless(image: Image, *, bits: int, table: int = 0) -> bytes:
    """Returns lossless JPEG whose one Huffman table has a number."""
    data = bytearray(imagecodecs.jpeg8_encode(image, lossless=True, bitspersample=bits))
    scan = data.index(b"\xff\xda")
    data[data.index(b"\xff\xc4") + 4] = table
    for component in range(data[scan + 4]):
        data[scan + 6 + 2 * component] = table << 4
    return bytes(data)


def _lossless_samples() -> list[tuple[bytes, Image]]:
    samples = [(lossless(image, bits=bits), image) for bits, image in GRAY.items()]
    samples += [(lossless(COLOUR, bits=8, table=table), COLOUR) for table in (0, 1)]
    samples += [(imagecodecs.ljpeg_encode(GRAY[16], bitspersample=16), GRAY[16])]
    return [*samples, (lossless(GRAY[16], bits=16, table=2), GRAY[16])]


def _encoded(encode: Callable[[Image], bytes], *images: Image) -> list[tuple[bytes, Image]]:
    return [(encode(image), image) for image in images]


SAMPLES: dict[str, Callable[[], list[tuple[bytes, Image]]]] = {
    "4.70": _lossless_samples,
    "4.51": lambda: [
        *_encoded(imagecodecs.jpeg8_encode, GRAY[8], COLOUR),
        (imagecodecs.jpeg8_encode(GRAY[12], bitspersample=12), GRAY[12]),
    ],
    "4.80": lambda: _encoded(imagecodecs.jpegls_encode, GRAY[8], GRAY[16], COLOUR),
    "4.90": lambda: _encoded(lambda image: imagecodecs.jpeg2k_encode(image, level=0), GRAY[8], GRAY[16], COLOUR),
}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Returns the bytes with one to three changes in the header: bytes set, flipped, left out, put in or repeated."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(2, min(_HEADER, len(found)))
        kind = draw.randrange(5)
        if kind == 0:
            found[at] = draw.randrange(256)
        elif kind == 1:
            found[at] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del found[at : at + draw.randint(1, 4)]
        elif kind == 3:
            found[at:at] = draw.randbytes(draw.randint(1, 4))
        else:
            found[at:at] = found[at : at + draw.randint(1, 30)]
    return bytes(found)


def dataset_of(frame: bytes, image: Image, *, syntax: str) -> Dataset:
    """Returns a dataset that says of the frame what is true of the image."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = f"1.2.840.10008.1.2.{syntax}"
    found.Rows, found.Columns = image.shape[:2]
    found.SamplesPerPixel = 3 if image.ndim == 3 else 1
    found.PhotometricInterpretation = "RGB" if image.ndim == 3 else "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = 8 * image.dtype.itemsize
    found.PixelRepresentation = 0
    found.PixelData = encapsulate([frame])
    return found


def outcomes(syntax: str, count: int) -> Counter[str]:
    """Returns how many mutated images were decoded and how many refused; any other exception is not caught."""
    found: Counter[str] = Counter()
    samples = SAMPLES[syntax]()
    for seed in range(count):
        frame, image = samples[seed % len(samples)]
        try:
            decode_frame(dataset_of(mutated(frame, random.Random(seed)), image, syntax=syntax))
            found["decoded"] += 1
        except ImageRejected:
            found["refused"] += 1
    return found


if __name__ == "__main__":
    print(json.dumps(outcomes(sys.argv[1], int(sys.argv[2]))))
