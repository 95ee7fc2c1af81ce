"""The report of an external validation: what is not defined is said, and JSON holds every metric."""

from __future__ import annotations

import json
from collections import Counter

from data_schemas.description import Calibration, ModelDescription
from data_schemas.metrics import METRICS
from data_schemas.task_file import load_task
from evaluation.intervals import Estimate
from evaluation.summary import Summary, task_metrics
from reports.external_validation import ExternalValidation, reasons_text


def _report(*, calibrated: bool = False, auroc: Estimate | None = None) -> ExternalValidation:
    task = load_task("synthetic_chest")
    metrics = dict.fromkeys(METRICS, Estimate(0.5, 0.25, 0.75)) | {"auroc": auroc or Estimate(0.9, 0.8, 1.0)}
    summary = Summary(
        examples=40,
        patients=20,
        task=dict.fromkeys(task_metrics(task.labels), Estimate(0.5, 0.4, 0.6)),
        findings={"nodule": metrics, "cavity": metrics},
        confusion=((10, 1, 2), (3, 11, 0), (4, 0, 9)),
    )
    description = ModelDescription(
        task=task,
        operating_points={"nodule": 0.31, "cavity": 0.42},
        prevalence={"nodule": 0.3, "cavity": 0.2},
        calibration=Calibration.identity(3).model_copy(update={"fitted": (0, 1, 2) if calibrated else ()}),
        radflow_version="0",
    )
    rejected = Counter({("corrupt", "a"): 2, ("corrupt", "b"): 1, ("no_pixels", "c"): 5})
    return ExternalValidation("3", description, summary, {"nodule": 0.125, "cavity": None}, rejected)


def test_json_has_every_metric_and_sums_rejects_by_status() -> None:
    found = json.loads(json.dumps(_report().to_json()))
    assert set(found["findings"]["nodule"]) == set(METRICS)
    assert found["findings"]["nodule"]["auroc"] == Estimate(0.9, 0.8, 1.0).to_json()
    assert found["accuracy"] == Estimate(0.5, 0.4, 0.6).to_json()
    assert (found["rejected"], found["rejected_by_status"]) == (8, {"corrupt": 3, "no_pixels": 5})
    assert found["operating_points"] == {"nodule": 0.31, "cavity": 0.42}


def test_the_text_aligns_values_under_their_finding() -> None:
    lines = _report().to_text().splitlines()
    header = next(line for line in lines if line.startswith("at its operating point"))
    auroc = next(line for line in lines if line.startswith("auroc"))
    assert header.index("cavity") == auroc.rindex("0.900 (0.800-1.000)")
    assert [line.split() for line in lines if line.startswith("cavity ")] == [["cavity", "4", "0", "9"]]


def test_what_is_not_defined_or_not_known_is_said() -> None:
    text = _report(auroc=Estimate(None)).to_text()
    assert "not defined" in text and "nodule 12.5 %, cavity unknown" in text


def test_the_prevalence_behind_the_scores_is_said() -> None:
    assert (
        "not calibrated; the operating points were chosen where the prevalence was: nodule 30.0 %"
        in _report().to_text()
    )
    assert "The scores were calibrated where the prevalence was: nodule 30.0 %" in _report(calibrated=True).to_text()


def test_the_commonest_reject_stands_first() -> None:
    assert reasons_text(_report().rejected).splitlines()[0].split(maxsplit=1) == ["5", "no_pixels: c"]
