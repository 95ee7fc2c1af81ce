"""Rendered pixels against DCMTK's `dcm2pnm` and pydicom's LUT functions, within 1 of 255.

DCMTK gets an uncompressed copy with the elements that rendering reads, since it has no JPEG 2000 and looks into no
functional groups; that decoders agree is tested elsewhere. Where DCMTK differs, a table names the file and the section
of the standard that decides.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from data_schemas.image_settings import Intensity
from imaging.decoders import decode_frame
from imaging.dicom_file import read_dataset, value
from imaging.intensity import canonical_values
from imaging.source import SourceImage, read_source

ZOO = Path(__file__).parents[2] / ".." / "shared" / "data" / "dicom-zoo"
READ = ("decodable", "decodable-12bit-jpeg", "decodable-pydicom3-only", "force-only", "headless")

COPIED = (
    "SOPClassUID", "Modality", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope",
    "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "VOILUTSequence", "PresentationLUTShape", "PixelIntensityRelationship",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
)  # fmt: skip
"""What rendering reads. Everything else stays behind: identities, and elements that cannot be written."""

DCMTK_DIFFERS: dict[str, str] = {
    # Lossy, so 1024 comes out of 10 bits. Bits above High Bit are no part of the sample (PS3.5, 8.1.1), and DCMTK drops
    # this one, which turns the whitest pixels black; here they stay as white as 10 bits can be.
    "012_RG3_JPLY": "the pixels that are 1024",
    # PS3.3, C.7.9.2; pydicom reads it.
    "019_gdcm-US-ALOKA-16.dcm": "DCMTK has no segmented palettes",
}

needs_zoo = pytest.mark.skipif(not ZOO.is_dir(), reason="the DICOM files are not in ../shared/data")
needs_dcmtk = pytest.mark.skipif(not shutil.which("dcm2pnm"), reason="dcm2pnm is missing: apt-get install dcmtk")


def zoo_files() -> list[str]:
    if not ZOO.is_dir():
        return []
    with (ZOO / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return [row["file"] for row in csv.DictReader(file) if row["expectation"] in READ]


def rendered(source: SourceImage) -> NDArray[np.float64]:
    """Returns what training and serving see of a source by the policy `voi`, before it is shrunk, in 8 bits."""
    return np.rint(canonical_values(source.pixels, source.presentation, Intensity()) / 257)


def flat(dataset: Dataset) -> Dataset:
    """Returns the first frame as a classic uncompressed object with what rendering reads."""
    made, frame = Dataset(), decode_frame(dataset)
    groups = [*(value(dataset, "SharedFunctionalGroupsSequence") or [])]
    groups += list(value(dataset, "PerFrameFunctionalGroupsSequence") or [])[:1]
    holders = [dataset]
    for keyword in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
        holders += [group[keyword].value[0] for group in groups if keyword in group]
    for holder in holders:
        for keyword in COPIED:
            if value(holder, keyword) is not None:
                made[keyword] = holder[keyword]
    if frame.ndim == 3:
        made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    made.PixelData = frame.astype(frame.dtype.newbyteorder("<")).tobytes() + b"\0" * (frame.nbytes % 2)
    made["PixelData"].VR = "OB" if frame.dtype.itemsize == 1 else "OW"
    made.set_original_encoding(False, True, "latin1")
    return made


def written(dataset: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    dataset.preamble = bytes(128)  # type: ignore[attr-defined]
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=False)
    return target.getvalue()


def dcm2pnm(data: bytes, source: SourceImage, folder: Path) -> NDArray[Any]:
    """Returns DCMTK's 8-bit gray rendering by the same choice of VOI LUT, window or minimum and maximum."""
    shown = source.presentation
    window = ["+Wl", "1"] if shown.voi_luts else ["+Wi", "1"] if shown.windows else ["+Wm"]
    words = ["-O", "-S", "+G", "+op", *([] if shown.display_ready and window == ["+Wm"] else window)]
    (folder / "in.dcm").write_bytes(data)
    subprocess.run(["dcm2pnm", "-q", *words, folder / "in.dcm", folder / "out.pgm"], check=True, timeout=60)
    return cv2.imread(str(folder / "out.pgm"), cv2.IMREAD_GRAYSCALE)


def distance(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.float64]:
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs.astype(np.float64))


@needs_zoo
@needs_dcmtk
@pytest.mark.parametrize("name", zoo_files())
def test_dcmtk_renders_the_same(name: str, tmp_path: Path) -> None:
    data = (ZOO / name).read_bytes()
    source = read_source(data)
    if DCMTK_DIFFERS.get(name) == "DCMTK has no segmented palettes":
        assert "SegmentedRedPaletteColorLookupTableData" in read_dataset(data)
        return
    far = distance(rendered(source), dcm2pnm(written(flat(read_dataset(data))), source, tmp_path)) > 1
    if name in DCMTK_DIFFERS:
        np.testing.assert_array_equal(far, decode_frame(read_dataset(data)) > 1023)
    else:
        assert not far.any()


@needs_zoo
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # headers of real files
@pytest.mark.parametrize("name", zoo_files())
def test_pydicom_renders_the_same(name: str) -> None:
    data = (ZOO / name).read_bytes()
    source = read_source(data)
    assert distance(rendered(source), by_pydicom(flat(read_dataset(data)), source)).max() <= 1


def by_pydicom(dataset: Dataset, source: SourceImage) -> NDArray[np.float64]:
    """Returns pydicom's rendering of a flat dataset, 0..255; polarity, which it leaves alone, by the header."""
    stored = unpacked(dataset)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)[..., :3]
    if stored.ndim == 3:
        return stored @ np.array([0.299, 0.587, 0.114]) * 255 / np.iinfo(stored.dtype).max
    values = apply_modality_lut(stored, dataset)
    if source.presentation.voi_luts:
        low, high = 0.0, 2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    elif source.presentation.windows or source.presentation.display_ready:
        slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        low, high = (float(end) * slope + intercept for end in stored_range(dataset))
    else:
        low, high = float(values.min()), float(values.max())
    shown = np.asarray(apply_voi_lut(values, dataset), np.float64)  # as it is where there is neither LUT nor window
    unit = (shown - low) / (high - low) if high > low else np.zeros(shown.shape)
    return 255 * (1 - unit if dataset.PhotometricInterpretation == "MONOCHROME1" else unit)


def unpacked(dataset: Dataset) -> NDArray[Any]:
    kind = np.dtype(f"<{'ui'[dataset.PixelRepresentation]}{dataset.BitsAllocated // 8}")
    shape = (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)[: 2 if dataset.SamplesPerPixel == 1 else 3]
    return np.frombuffer(dataset.PixelData, kind)[: int(np.prod(shape))].reshape(shape)


def stored_range(dataset: Dataset) -> tuple[int, int]:
    low = -(2 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0
    return low, low + 2**dataset.BitsStored - 1


RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def lut(first: int, entries: NDArray[Any], bits: int) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return Sequence([item])


CURVE = np.rint(1023 * np.sqrt(np.linspace(0, 1, 3000)))
PLANTED: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "linear": (RAMP, {"WindowCenter": "2000", "WindowWidth": "1000"}),
    "sigmoid": (RAMP, {"WindowCenter": "2000", "WindowWidth": "1000", "VOILUTFunction": "SIGMOID"}),
    "threshold": (RAMP, {"WindowCenter": "2000", "WindowWidth": "1"}),
    "of two windows the first": (RAMP, {"WindowCenter": ["900", "3000"], "WindowWidth": ["400", "200"]}),
    "rescaled": (RAMP, {"RescaleSlope": "-0.5", "RescaleIntercept": "100", "WindowCenter": "0", "WindowWidth": "900"}),
    "signed": ((RAMP - 2048.0).astype(np.int16), {"WindowCenter": "-100", "WindowWidth": "3000"}),
    "monochrome1": (RAMP, {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": "900", "WindowWidth": "800"}),
    "monochrome1 and INVERSE": (
        RAMP,
        {
            "PhotometricInterpretation": "MONOCHROME1",
            "PresentationLUTShape": "INVERSE",
            "WindowCenter": "900",
            "WindowWidth": "800",
        },
    ),
    "INVERSE alone": (RAMP, {"PresentationLUTShape": "INVERSE", "WindowCenter": "900", "WindowWidth": "800"}),
    "linear exact": (RAMP, {"VOILUTFunction": "LINEAR_EXACT", "WindowCenter": "900", "WindowWidth": "800"}),
    "LOG angiogram": (
        RAMP,
        {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.1",
            "PixelIntensityRelationship": "LOG",
            "ModalityLUTSequence": lut(500, CURVE, 10),
            "WindowCenter": "900",
            "WindowWidth": "800",
        },
    ),
    "modality LUT": (RAMP, {"ModalityLUTSequence": lut(500, CURVE, 10)}),
    "VOI LUT": (RAMP, {"VOILUTSequence": lut(500, CURVE, 10)}),
    "VOI LUT from below 0": (
        RAMP,
        {"RescaleSlope": "1", "RescaleIntercept": "-1024", "VOILUTSequence": lut(-700, CURVE, 10)},
    ),
    "dirt and overlays in the high bits": (
        RAMP | (RAMP << 12),
        {"WindowCenter": "2000", "WindowWidth": "1000"},
    ),
    "dirt above a sign": (
        (RAMP | (RAMP << 12)).view(np.int16),
        {"WindowCenter": "0", "WindowWidth": "1000"},
    ),
    "no window": (RAMP[20:40], {}),
    "constant without a window": (np.full((8, 8), 700, np.uint16), {}),
}


@needs_dcmtk
@pytest.mark.parametrize("name", PLANTED)
def test_dcmtk_renders_what_the_files_lack_the_same(dicom: Any, name: str, tmp_path: Path) -> None:
    pixels, elements = PLANTED[name]
    data = dicom(pixels, **({"BitsStored": 12, "HighBit": 11} | elements))
    source = read_source(data)
    assert distance(rendered(source), dcm2pnm(data, source, tmp_path)).max() <= 1
