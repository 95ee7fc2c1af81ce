"""evaluation.json: read as it was written, absent without complaint, broken with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_schemas.errors import ModelAltered
from data_schemas.served_evaluation import ServedEstimate, ServedEvaluation, ServedFinding, read_served_evaluation

EVALUATION = ServedEvaluation(
    unit="study",
    cases=20,
    patients=15,
    findings={
        "nodule": ServedFinding(
            operating_point=0.4,
            patients_with=5,
            patients_without=11,
            metrics={"sensitivity": ServedEstimate(value=0.8, lower=0.3, upper=0.99, patients=5)},
        )
    },
    not_assessable=("site: not known of any image.",),
    gates=("gate 'AUROC' is met: it is 0.9",),
)


def written(folder: Path, text: str) -> Path:
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "evaluation.json").write_text(text)
    return folder


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    assert read_served_evaluation(written(tmp_path, EVALUATION.model_dump_json())) == EVALUATION


def test_a_field_that_a_later_radflow_adds_is_no_error(tmp_path: Path) -> None:
    text = EVALUATION.model_dump_json().replace('{"unit"', '{"later": 1, "unit"')
    assert read_served_evaluation(written(tmp_path, text)) == EVALUATION


def test_a_version_without_one_has_none(tmp_path: Path) -> None:
    assert read_served_evaluation(tmp_path) is None
    assert read_served_evaluation(tmp_path / "none") is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"unit": "patient"}'])
def test_a_broken_one_is_an_altered_model(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelAltered, match=r"evaluation\.json cannot be read"):
        read_served_evaluation(written(tmp_path, text))
