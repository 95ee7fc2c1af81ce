"""Two runs beside each other: signs, marks, what is not defined, and the JSON."""

from __future__ import annotations

import json

import pytest

from data_schemas.metrics import METRICS
from evaluation.evaluation import Evaluation
from evaluation.intervals import Estimate
from evaluation.paired import Comparison
from evaluation.summary import Summary
from reports.comparison import RunComparison


def _summary(auroc: float) -> Summary:
    metrics = dict.fromkeys(METRICS, Estimate(0.5, 0.4, 0.6)) | {"auroc": Estimate(auroc, auroc - 0.1, auroc + 0.1)}
    return Summary(
        examples=40, patients=20, task={"macro_auroc": Estimate(auroc)}, findings={"nodule": metrics}, confusion=None
    )


@pytest.fixture
def report() -> RunComparison:
    differences = {
        ("nodule", "auroc"): Estimate(0.1, 0.02, 0.18),
        ("nodule", "sensitivity"): Estimate(-0.05, -0.2, 0.1),
        ("nodule", "ppv"): Estimate(None, note="not defined for both"),
        (None, "macro_auroc"): Estimate(0.1, 0.02, 0.18),
    }
    evaluation = Evaluation("image", _summary(0.8), champion=_summary(0.7), differences=differences)
    return RunComparison("Nodules", "chest", ("run-a", "run-b"), Comparison(evaluation, 40, 20, 3, 0), ("careful",))


def test_the_text_has_both_values_and_marks_what_leaves_0_out(report: RunComparison) -> None:
    text = report.to_text()
    assert "Nodules (chest): A is run-a, B is run-b" in text and "Beware: careful" in text
    assert "40 test images of 20 patients in both; left out: 3 of A alone, 0 of B alone." in text
    rows = {" ".join(line.split()) for line in text.splitlines()}
    assert "AUROC 0.700 0.800 +0.100 (+0.020 to +0.180) *" in rows
    assert "sensitivity 0.500 0.500 -0.050 (-0.200 to +0.100)" in rows
    assert "PPV 0.500 0.500 not defined for both" in rows
    assert "calibration slope 0.500 0.500 -" in rows
    assert "mean AUROC 0.700 0.800 +0.100 (+0.020 to +0.180) *" in rows


def test_json_says_which_is_which(report: RunComparison) -> None:
    found = json.loads(json.dumps(report.to_json()))
    assert found["first"]["run"] == "run-a" and found["first"]["only"] == 3
    assert found["first"]["summary"]["findings"]["nodule"]["auroc"]["value"] == 0.7
    assert found["second"]["summary"]["findings"]["nodule"]["auroc"]["value"] == 0.8
    assert found["differences"]["findings"]["nodule"]["auroc"]["lower"] == 0.02
    assert found["shared"] == {"images": 40, "patients": 20} and found["warnings"] == ["careful"]
