from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from data_schemas.image_settings import Intensity
from data_schemas.task import Task
from data_schemas.task_file import load_task


def test_a_window_is_named_by_number_or_explanation() -> None:
    assert Intensity(voi_window=2).voi_window == 2
    assert Intensity(voi_window="LUNG").voi_window == "LUNG"


@pytest.mark.parametrize("wanted", [0, -1, ""])
def test_a_window_that_cannot_be_is_refused(wanted: int | str) -> None:
    with pytest.raises(ValidationError, match="voi_window"):
        Intensity(voi_window=wanted)


def test_a_named_window_without_the_policy_that_shows_it_is_refused() -> None:
    with pytest.raises(ValidationError, match="belongs to `policy: voi`"):
        Intensity(policy="percentile", voi_window=2)


@pytest.mark.parametrize("modalities", [["CR"], ["CT", "MR"]])
def test_hounsfield_units_of_anything_but_ct_are_refused_with_the_policy_to_take(modalities: list[str]) -> None:
    value: dict[str, Any] = load_task("ct_contrast").model_dump() | {"modalities": modalities}
    with pytest.raises(ValidationError, match="only CT has Hounsfield units; use voi"):
        Task.model_validate(value)
