"""The warm-up image: every kind of task takes it, and nobody is on it."""

from __future__ import annotations

import io

import pydicom
import pytest

from data_schemas import features
from data_schemas.task import Task
from data_schemas.task_file import load_task, shipped_tasks
from data_schemas.wire import example_pb2
from imaging.warm_up import warm_up_dicom, warm_up_example

HOUNSFIELD = {"policy": "hounsfield", "windows": [{"center": 40, "width": 400}]}


def task_with(**changes) -> Task:
    return Task.model_validate({**load_task("synthetic_chest").model_dump(exclude_unset=True), **changes})


def features_of(task: Task):
    return example_pb2.Example.FromString(warm_up_example(task)).features.feature


@pytest.mark.parametrize("name", shipped_tasks())
def test_every_shipped_task_takes_it_as_within_its_scope(name: str) -> None:
    task = load_task(name)
    found = features_of(task)
    assert found[features.MODALITY].bytes_list.value[0].decode() in task.modalities
    assert found[features.VIEW].bytes_list.value[0].decode() in (task.views or ("unknown",))
    (age,) = found[features.AGE_YEARS].float_list.value
    low, high = task.decisions.age_range or (0, 130)
    assert low <= age <= high
    assert found[features.STANDARD_DEVIATION].float_list.value[0] > 0.01


POLICIES = [
    ("CT", HOUNSFIELD),
    *((one, {"policy": p}) for one in ("CT", "MG", "US") for p in ("voi", "full_range", "percentile")),
]


@pytest.mark.parametrize("crop", ["none", "border", "collimation"])
@pytest.mark.parametrize("frame", ["first", "middle", "every"])
@pytest.mark.parametrize(("modality", "intensity"), POLICIES)
def test_every_intensity_frame_and_crop_gives_one_image(modality: str, intensity, frame: str, crop: str) -> None:
    image = {"frame": frame, "crop": crop}
    assert features_of(task_with(modalities=[modality], views=[], intensity=intensity, image=image))["image"]


def test_it_has_nobodys_name_id_or_birth_date_and_is_the_same_each_time() -> None:
    data = warm_up_dicom(load_task("synthetic_chest"))
    header = pydicom.dcmread(io.BytesIO(data))
    assert not [name for name in ("PatientName", "PatientID", "PatientBirthDate", "InstitutionName") if name in header]
    assert data == warm_up_dicom(load_task("synthetic_chest"))


@pytest.mark.parametrize(("ages", "age"), [((0, 17), 17), ((65, 120), 65), ((18, 80), 50)])
def test_its_age_is_one_that_the_task_is_for(ages: tuple[int, int], age: int) -> None:
    found = features_of(task_with(decisions={"age_range": ages}))
    assert list(found[features.AGE_YEARS].float_list.value) == [age]
