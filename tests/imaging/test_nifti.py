from __future__ import annotations

import contextlib
import gzip
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data_schemas import features
from data_schemas.errors import Corrupt, ImageRejected, NotDicom, Unsupported
from data_schemas.task import Task
from data_schemas.task_file import load_task
from imaging import nifti
from imaging.canonical import canonical_image
from imaging.example import serving_examples
from imaging.inspection import inspect_file
from imaging.nifti import is_nifti, read_nifti
from imaging.presentation import VoiWindow
from imaging.source import read_frames, read_source

AXES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
RIGHT, ANTERIOR, SUPERIOR = 1, 10, 100


def affine(codes: str, zooms: tuple[float, float, float] = (1, 1, 1)) -> NDArray[np.float64]:
    """Returns the affine of voxels whose axes rise towards these directions, e.g. RAS."""
    made = np.eye(4)
    made[:3, :3] = 0
    for axis, (code, zoom) in enumerate(zip(codes, zooms, strict=True)):
        world, sign = AXES[code]
        made[world, axis] = sign * zoom
    return made


def anatomy(codes: str) -> NDArray[np.int16]:
    """Returns 4 x 4 x 4 voxels, stored so; each is the sum of the numbers of those halves that it lies in."""
    halves = np.zeros((4, 4, 4), np.int16)  # RAS
    halves[2:] += RIGHT
    halves[:, 2:] += ANTERIOR
    halves[:, :, 2:] += SUPERIOR
    order = [AXES[code][0] for code in codes]
    turned = halves.transpose(order)
    return turned[tuple(slice(None, None, AXES[code][1]) for code in codes)]


def in_two_parts(data: bytes) -> bytes:
    return gzip.compress(data[:-8]) + gzip.compress(data[-8:])


def written(voxels: NDArray[Any], codes: str = "RAS", kind: Any = nib.Nifti1Image, **header: float) -> bytes:
    zooms = header.pop("zooms", (1, 1, 1))
    image = kind(voxels, affine(codes, zooms))  # type: ignore[arg-type]
    for name, number in header.items():
        image.header[name] = number
    data: bytes = image.to_bytes()
    return data


@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "RPI", "ALS", "PRI"])
def test_axial_slices_have_the_right_on_the_left_and_anterior_up(codes: str) -> None:
    found = read_nifti(written(anatomy(codes), codes)).slices
    for number, slice_ in enumerate(found):
        assert slice_[0, 0] % 100 == RIGHT + ANTERIOR
        assert slice_[0, -1] % 100 == ANTERIOR
        assert slice_[-1, 0] % 100 == RIGHT
        assert (slice_[0, 0] >= SUPERIOR) == (number >= 2)


@pytest.mark.parametrize("codes", ["RSA", "LIP", "SRP"])
def test_coronal_slices_have_the_right_on_the_left_and_the_head_up(codes: str) -> None:
    found = read_nifti(written(anatomy(codes), codes)).slices
    assert [found[0][0, 0], found[0][0, -1], found[0][-1, 0]] == [SUPERIOR + RIGHT, SUPERIOR, RIGHT]
    assert found[3][0, 0] == SUPERIOR + RIGHT + ANTERIOR


@pytest.mark.parametrize("codes", ["ASR", "PIL", "SPR"])
def test_sagittal_slices_have_anterior_on_the_left_and_the_head_up(codes: str) -> None:
    found = read_nifti(written(anatomy(codes), codes)).slices
    assert [found[0][0, 0], found[0][0, -1], found[0][-1, 0]] == [SUPERIOR + ANTERIOR, SUPERIOR, ANTERIOR]
    assert found[3][0, 0] == SUPERIOR + ANTERIOR + RIGHT


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, in_two_parts])
@pytest.mark.parametrize("dtype", ["int16", ">i2", "uint8", "float32", "float64", "int32", "uint16"])
def test_every_kind_of_file_gives_its_voxels(kind: Any, pack: Any, dtype: str) -> None:
    voxels = np.arange(24).reshape(2, 3, 4).astype(dtype)
    data = pack(written(voxels, "LPS", kind))
    assert is_nifti(data)
    volume = read_nifti(data)
    # LPS rises towards left and posterior: first index is the column, second the row; the slices rise to the head.
    np.testing.assert_array_equal(volume.slices, voxels.transpose(2, 1, 0))
    source = read_source(data)
    assert source.pixels.dtype == np.dtype(dtype).newbyteorder("=")
    assert source.pixels.flags.c_contiguous


def test_scaling_and_the_range_that_is_shown() -> None:
    data = written(np.zeros((2, 2, 2), np.int16), scl_slope=2, scl_inter=-1024, cal_min=-100, cal_max=300)
    source = read_source(data)
    assert (source.presentation.slope, source.presentation.intercept) == (2, -1024)
    assert source.presentation.windows == (VoiWindow(100, 400, "LINEAR_EXACT"),)


@pytest.mark.parametrize("slope", [0, np.nan])
def test_no_slope_leaves_the_values(slope: float) -> None:
    volume = read_nifti(written(np.zeros((2, 2, 2), np.int16), scl_slope=slope, scl_inter=7))
    assert (volume.slope, volume.intercept, volume.shown) == (1, 0, None)


def test_voxels_that_are_not_square_say_so() -> None:
    # Stored A, S, R with 1, 3 and 5 mm: sagittal, 3 mm high and 1 mm wide.
    assert read_nifti(written(anatomy("ASR"), "ASR", zooms=(1, 3, 5))).aspect == 3


def test_first_and_middle_are_the_middle_slice_and_every_is_all(dicom: Any) -> None:
    data = written(anatomy("RAS"))
    first, middle = read_source(data), read_source(data, frame="middle")
    assert first.frame == middle.frame == 3
    assert (first.pixels.max(), first.header.frames) == (111, 4)
    assert [one.frame for one in read_frames(data, policy="every")] == [1, 2, 3, 4]


def test_a_single_image_has_one_slice() -> None:
    assert read_nifti(written(np.zeros((3, 2), np.uint8))).slices.shape == (1, 2, 3)


def test_a_ct_volume_is_served_in_hounsfield_units(ct_task: Task) -> None:
    hounsfield = np.full((4, 4, 2), 40, np.int16)
    (served,) = serving_examples(written(hounsfield), task=ct_task)
    (same,) = serving_examples(written(hounsfield + 1024, scl_slope=1, scl_inter=-1024), task=ct_task)
    mean = read_mean(served.serialized)
    assert mean == pytest.approx((32_768 + 40) / 65_535)
    assert read_mean(same.serialized) == mean


def read_mean(record: bytes) -> float:
    from data_schemas.wire import example_pb2

    return example_pb2.Example.FromString(record).features.feature[features.MEAN].float_list.value[0]


def test_inspection_tells_the_volume(tmp_path: Any) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(written(np.arange(24, dtype=np.float32).reshape(2, 3, 4), "LPS")))
    answer = inspect_file(path)
    found = {name: answer[name] for name in ("status", "rows", "columns", "frames", "raw_dtype", "raw_min", "raw_max")}
    assert found == {
        "status": "ok",
        "rows": 3,
        "columns": 2,
        "frames": 4,
        "raw_dtype": "float32",
        "raw_min": 0.0,
        "raw_max": 23.0,
    }


@pytest.mark.parametrize(
    ("changes", "error", "why"),
    [
        ({"dim": [4, 2, 2, 2, 5, 1, 1, 1]}, Unsupported, "one volume"),
        ({"dim": [3, 2, -2, 2, 1, 1, 1, 1]}, Corrupt, "dimensions"),
        ({"dim": [0, 2, 2, 2, 1, 1, 1, 1]}, Corrupt, "dimensions"),
        ({"dim": [3, 2, 2, 3, 1, 1, 1, 1]}, Corrupt, "ends before"),
        ({"datatype": 128}, Unsupported, "voxels of type"),  # RGB24
        ({"datatype": 32}, Unsupported, "voxels of type"),  # complex64
        ({"datatype": 7}, Corrupt, "datatype"),
        ({"vox_offset": np.nan}, Corrupt, "vox_offset"),
        ({"vox_offset": -5}, Corrupt, "vox_offset"),
        ({"scl_slope": 1e30}, Corrupt, "scl_slope"),
        ({"srow_x": [np.nan] * 4}, Corrupt, "affine"),
        ({"sform_code": 0, "qform_code": 1, "quatern_b": 5}, Corrupt, "rotation"),
        ({"sform_code": 0, "qform_code": 1, "quatern_b": np.nan}, Corrupt, "rotation|affine"),
        ({"magic": b"ni1"}, Unsupported, "another file"),
    ],
)
def test_impossible_headers_are_rejected(changes: dict[str, Any], error: type[Exception], why: str) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    data = bytearray(image.to_bytes())
    header = nib.Nifti1Header(bytes(data[:348]), check=False)
    for name, value in changes.items():
        header[name] = value
    data[:348] = header.binaryblock
    with pytest.raises(error, match=why):
        read_nifti(bytes(data))


def test_gzip_is_inflated_no_further_than_the_header_says(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(written(np.zeros((2, 2, 2), np.int16)) + bytes(50_000_000))
    assert len(nifti._content(bomb, 368)) == 368
    assert read_nifti(bomb).slices.shape == (2, 2, 2)


def test_a_volume_that_is_too_large_is_refused_before_it_is_inflated() -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    header = image.header
    header["dim"][:4] = [3, 1024, 1024, 1024]
    with pytest.raises(Unsupported, match="at most"):
        read_nifti(gzip.compress(header.binaryblock + bytes(4)))


@pytest.mark.parametrize("data", [b"", gzip.compress(b"text", mtime=0), b"\x1f\x8bbroken", bytes(348)])
def test_other_bytes_are_no_nifti(data: bytes) -> None:
    assert not is_nifti(data)
    with pytest.raises(NotDicom):
        read_source(data)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_flat_affine_leaves_the_axes_as_they_are_stored(kind: Any) -> None:
    data = written(anatomy("RAS"), kind=kind, srow_x=[0, 0, 0, 0])
    found = read_nifti(data).slices
    assert [found[0][0, 0], found[0][0, -1]] == [RIGHT + ANTERIOR, ANTERIOR]


GOOD = written(anatomy("LPS"), "LPS")
TASKS = [load_task("chest_xray_pneumonia"), load_task("ct_contrast")]
QUATERNION = written(anatomy("LPS").astype(np.float64), "LPS", sform_code=0, qform_code=1)


@given(
    st.lists(st.tuples(st.integers(0, 479), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(300, len(GOOD)),
    st.booleans(),
    st.sampled_from([GOOD, QUATERNION]),
)
@settings(max_examples=200, deadline=None)
def test_mutated_files_are_read_or_rejected(
    changes: list[tuple[int, int]], length: int, packed: bool, good: bytes
) -> None:
    data = bytearray(good)
    for place, byte in changes:
        data[place] = byte
    damaged = gzip.compress(bytes(data), 1)[:length] if packed else bytes(data[:length])
    with contextlib.suppress(ImageRejected):
        for task in TASKS:
            assert canonical_image(read_source(damaged), task).dtype == np.uint16
