"""The report of an external validation: what is not defined is said, and JSON holds every metric."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from data_schemas.description import Calibration, ModelDescription
from data_schemas.metrics import METRICS
from data_schemas.task_file import load_task
from data_schemas.training_data import LEVELS
from evaluation.evaluation import Evaluation
from evaluation.intervals import Estimate
from evaluation.shift import FeatureShift
from evaluation.summary import Summary, task_metrics
from reports.external_page import external_page, quantiles_svg
from reports.external_validation import ExternalValidation, Shift, reasons_text

QUANTILES = [f"{level:.0%}" for level in LEVELS]
MUCH = FeatureShift("mean", "numbers", dict.fromkeys(QUANTILES, 0.25), dict.fromkeys(QUANTILES, 0.5), 0.75, 0.25)
NONE = FeatureShift("sex", "shares", {"F": 0.5, "M": 0.5}, {"F": 0.625, "M": 0.375}, 0.125, 0.25)
UNKNOWN = FeatureShift("view", "shares", {}, {}, None, None)
SHIFT = Shift(features=[MUCH, NONE, UNKNOWN])


def _report(*, calibrated: bool = False, auroc: Estimate | None = None, shift: Shift = SHIFT) -> ExternalValidation:
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
    evaluation = Evaluation("image", summary, slices={(("sex", "F"),): summary})
    return ExternalValidation("3", description, evaluation, {"nodule": 0.125, "cavity": None}, rejected, shift)


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


def test_json_has_slices_and_the_shift() -> None:
    found = json.loads(json.dumps(_report(shift=Shift([MUCH], 0.25, 40)).to_json()))
    assert found["unit"] == "image" and found["slices"][0]["slice"] == {"sex": "F"}
    assert found["shift"]["out_of_scope"] == 0.25
    assert [(one["feature"], one["distance"], one["shifted"]) for one in found["shift"]["features"]] == [
        ("mean", 0.75, True)
    ]


def test_the_text_names_what_is_unlike_the_training_images() -> None:
    assert "How unlike the training images these are (0 alike, 1 apart): mean (0.75)." in _report().to_text()
    assert "the images are like the training images" in _report(shift=Shift([NONE])).to_text()
    text = _report(shift=Shift(None, 0.125)).to_text()
    assert "does not say what its training images were like" in text and "12.5 % of them out of its scope" in text


def test_the_page_has_metrics_groups_rejects_and_the_shift() -> None:
    page = external_page(_report())
    for said in (
        "External validation: Nodules and cavities",
        "The images differ from the training images in brightness (mean).",
        "shifted",
        "not known in both",
        "F 50.0 %, 62.5 %",
        "sex F",
        "0.900",
        "corrupt",
        "nodule 12.5 %, cavity unknown",
    ):
        assert said in page, said
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page
    assert "test split" not in page


def test_the_page_of_images_that_are_alike_says_so_and_one_of_an_old_model_says_nothing_of_it() -> None:
    assert "In what is known of them, the images are like the training images." in external_page(
        _report(shift=Shift([NONE]))
    )
    assert "does not say what its training images were like" in external_page(_report(shift=Shift()))


def test_a_drawn_quantile_lies_where_it_is() -> None:
    text = quantiles_svg(MUCH)
    assert "training" in text and "here" in text


def test_scores_that_may_be_chance_are_called_so_first_whatever_the_shift() -> None:
    page = external_page(_report(auroc=Estimate(0.6, 0.45, 0.75), shift=Shift([NONE])))
    assert "Not shown to work here" in page
    assert "For nodule and cavity it is not shown that the scores are better than chance." in page
    assert "Not shown to work here" not in external_page(_report())


def test_a_declared_prevalence_is_what_predictive_values_hold_for() -> None:
    report = _report(calibrated=True)
    declared = {"normal": 0.97, "nodule": 0.02, "cavity": 0.01}
    described = report.description.model_copy(update={"deployment_prevalence": declared})
    text = replace(report, description=described).to_text()
    assert "PPV, NPV, calibration and Brier score hold for the prevalence that the task declares: nodule 2.0 %" in text
    assert "In this data it is: nodule 12.5 %" in text
