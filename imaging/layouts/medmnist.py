"""Layout `medmnist`: arrays of small images, written out as PNG."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row
from imaging.layouts.medmnist_labels import CLASSES
from imaging.layouts.places import not_this_layout

_LAYOUT = "medmnist"
_SPLITS = {"train": "train", "val": "eval", "test": "test"}
_NAME = re.compile(r"([a-z]+mnist)(_\d+)?")
_NO_PATIENTS = "the set has no patient ids: each image is a study of its own"
_LEAKS = f"{_NO_PATIENTS}, and one patient's may fall into two splits; --official-split keeps the published split"

_BROKEN = (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What a cut-off, encrypted or foreign archive raises."""


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]


def medmnist(source: Path, *, write_images: Path, official_split: bool = False) -> Found:
    """Small images of twelve kinds as arrays (MedMNIST v2, 2D); they are written out as PNG.

    SOURCE is one file such as pneumoniamnist.npz or pathmnist_224.npz, or the folder that has just one. Its images go
    to --write-images (the output's name with _images), as train_000000.png. Writes `label` with the class's name (its
    number where the set is not known), or a column of 1 and 0 a finding (ChestMNIST), and `study_id`.

    Source: https://medmnist.com; twelve sets of 780 to 236,386 images of 28 to 224 pixels, made from other public sets.
    Licence: CC BY 4.0; DermaMNIST CC BY-NC 4.0.
    Cite: Yang et al., MedMNIST v2: A large-scale lightweight benchmark for 2D and 3D biomedical image classification,
        Scientific Data 2023, 10:41; and the set that it was made from.
    Trap: there are no patient ids. Several slices or patches of one patient are in most sets, so that only the
        published split (by scan in OrganMNIST, for one) may keep patients apart: use --official-split, which makes val
        `eval`. BreastMNIST's class 1 is `normal, benign`, class 0 `malignant`. PneumoniaMNIST is Kermany's set, and
        ChestMNIST ChestX-ray14: do not judge a model of one on the other.

    Raises:
        ManifestError: it is no such file, its images are volumes, or the folder for the images is not empty.
    """
    path = _archive(source)
    if write_images.exists() and any(write_images.iterdir()):
        raise ManifestError(f"layout {_LAYOUT}", ["the folder for the images is not empty: name another"])
    name = match[1] if (match := _NAME.match(path.stem)) else path.stem
    try:
        with zipfile.ZipFile(path) as archive:
            rows = [row for split in _SPLITS for row in _part(archive, split, write_images, name)]
    except _BROKEN as error:
        problem = f"it cannot be read as arrays train_images, train_labels and so on ({type(error).__name__})"
        raise ManifestError(f"layout {_LAYOUT}", [problem]) from error
    if official_split:
        return Found(rows, (_NO_PATIENTS,))
    return Found([{key: value for key, value in row.items() if key != "split"} for row in rows], (_LEAKS,))


def _archive(source: Path) -> Path:
    files = [source] if source.is_file() else sorted(source.glob("*.npz"))
    if len(files) != 1 or files[0].suffix != ".npz":
        raise not_this_layout(source, _LAYOUT, "one .npz file")
    return files[0]


def _part(archive: zipfile.ZipFile, split: str, folder: Path, name: str) -> Iterator[Row]:
    """Writes the images of one split and yields their rows; one image at a time is in memory."""
    with archive.open(f"{split}_labels.npy") as file:
        labels = np.load(cast(BinaryIO, file), allow_pickle=False)
    with archive.open(f"{split}_images.npy") as file:
        header = _header(cast(BinaryIO, file))
        if len(labels) != header.shape[0]:
            raise ManifestError(f"layout {_LAYOUT}", [f"{split} has not as many labels as images"])
        folder.mkdir(parents=True, exist_ok=True)
        for index, label in enumerate(labels):
            target = folder / f"{split}_{index:06d}.png"
            target.write_bytes(imagecodecs.png_encode(_image(cast(BinaryIO, file), header)))
            row = {"file": str(target.absolute()), "study_id": f"{name}-{split}-{index}", "split": _SPLITS[split]}
            yield row | _labels(np.atleast_1d(label), name)


def _header(file: BinaryIO) -> _Header:
    """Returns what an array's header says, the file being left at its first value.

    Raises:
        ManifestError: the array holds no gray or RGB images of 8 bits.
    """
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    header = _Header(*read(file))  # type: ignore[no-untyped-call]
    gray_or_rgb = len(header.shape) == 3 or (len(header.shape) == 4 and header.shape[3] == 3)
    if not gray_or_rgb or header.dtype != np.uint8 or header.fortran:
        shape = "x".join(str(size) for size in header.shape)
        problem = f"images are {shape} {header.dtype}; gray or RGB images of 8 bits are read, no volumes"
        raise ManifestError(f"layout {_LAYOUT}", [problem])
    return header


def _image(file: BinaryIO, header: _Header) -> NDArray[np.uint8]:
    shape = header.shape[1:]
    return np.frombuffer(file.read(int(np.prod(shape))), np.uint8).reshape(shape)


def _labels(values: NDArray[Any], name: str) -> Row:
    classes = CLASSES.get(name, ())
    if len(values) > 1:
        names = classes if len(classes) == len(values) else [f"finding_{index}" for index in range(len(values))]
        return {finding: str(int(value)) for finding, value in zip(names, values, strict=True)}
    number = int(values[0])
    return {"label": classes[number] if number < len(classes) else str(number)}
