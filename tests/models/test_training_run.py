"""What the Trainer decides of the calibration split: prevalence at deployment, and the scores that a server must
give."""

from __future__ import annotations

import pytest

from data_schemas.errors import DataRefused
from models.training_run import _deployment_prevalence
from tests.models.tasks import demo_task

DECLARED = {"nodule": 0.1, "cavity": 0.05}


def test_a_declared_prevalence_is_completed() -> None:
    found = _deployment_prevalence(
        demo_task(deployment_prevalence=DECLARED), {"normal": 0.5, "nodule": 0.3, "cavity": 0.2}
    )
    assert found == pytest.approx({"normal": 0.85, "nodule": 0.1, "cavity": 0.05})
    assert _deployment_prevalence(demo_task(), {"normal": 1.0, "nodule": 0.0, "cavity": 0.0}) is None


@pytest.mark.parametrize(
    ("unit", "said"), [("image", "image, or none but images"), ("study", "study, or none but studies")]
)
def test_a_prior_that_cannot_be_carried_stops_the_run_in_words(unit: str, said: str) -> None:
    with pytest.raises(DataRefused, match=f"no {said}, of cavity: give the calibration split more"):
        _deployment_prevalence(
            demo_task(deployment_prevalence=DECLARED, unit=unit), {"normal": 0.6, "nodule": 0.4, "cavity": 0.0}
        )
