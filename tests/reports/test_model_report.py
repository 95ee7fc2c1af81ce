"""The model report: what it says in words follows from what was fitted, and nothing in it comes from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from data_schemas.description import Calibration, ConformalSets, ModelDescription, Scope
from reports.model_report import ModelReport, curves_svg
from reports.page import Table
from tests.models.tasks import demo_task, multi_label_task

HISTORY = [
    {
        "phase": phase,
        "epoch": epoch,
        "loss": 1.0,
        "eval_loss": loss,
        "eval_auc": 0.9,
        "eval_average_precision": 0.8,
        "learning_rate": 1e-3,
        "seconds": 30.0,
    }
    for phase, epoch, loss in (("head", 1, 0.9), ("all layers", 1, 0.5), ("all layers", 2, 0.7))
]


def _description(**changes: Any) -> ModelDescription:
    values: dict[str, Any] = {
        "task": demo_task(limitations=("Only <drawn> images.",), training={"augmentation": {"mixup": 0.2}}),
        "operating_points": {"normal": 0.5, "nodule": 0.123, "cavity": 0.456},
        "prevalence": {"normal": 0.5, "nodule": 0.3, "cavity": 0.2},
        "calibration": Calibration(
            method="temperature_and_intercepts",
            slopes=(0.5,) * 3,
            intercepts=(0.0,) * 3,
            fitted=(0, 1, 2),
            images=60,
            patients=50,
        ),
        "conformal": ConformalSets(coverage=0.9, thresholds=(0.5, 0.6, None), patients=(30, 12, 8)),
        "scope": Scope(threshold=1.25, in_scope_share=0.98, patients=50),
        "radflow_version": "0",
    }
    return ModelDescription(**values | changes)


def _page(**changes: Any) -> str:
    return ModelReport(_description(**changes), HISTORY, b"png").to_html()


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


def test_a_calibrated_model_says_at_which_prevalence() -> None:
    text = _text(_page())
    assert (
        "Scores are probabilities at the prevalence that the calibration split has: normal 50.0%, nodule 30.0%" in text
    )
    deployed = _text(_page(deployment_prevalence={"normal": 0.9, "nodule": 0.06, "cavity": 0.04}))
    assert "the task declares for deployment: normal 90.0%" in deployed
    assert "30.0%, deployed 6.0%" in deployed


def test_a_model_that_was_not_calibrated_says_so() -> None:
    text = _text(_page(calibration=Calibration.identity(3)))
    assert "Not calibrated" in text and "for want of patients" in text


def test_a_label_in_every_set_is_named_with_its_patients() -> None:
    text = _text(_page())
    assert "A label with fewer than 9 calibration patients is in every set" in text
    assert "cavity 8 cannot be left out: too few patients" in text
    assert "nodule 12 up to 0.600" in text


def test_findings_have_a_row_for_presence_and_one_for_absence() -> None:
    sets = ConformalSets(
        coverage=0.8, thresholds=(0.5, None), patients=(30, 1), absent_thresholds=(0.4, 0.3), absent_patients=(9, 40)
    )
    two = {"a": 0.5, "b": 0.1}
    text = _text(
        _page(
            task=multi_label_task(),
            operating_points=two,
            prevalence=two,
            conformal=sets,
            calibration=Calibration.identity(2),
        )
    )
    assert "a present 30 up to 0.500" in text and "b absent 40 up to 0.300" in text


def test_the_best_epoch_is_by_the_declared_metric() -> None:
    # The demo's task is stopped on the loss, which is lowest in the second epoch.
    assert re.search(r"best epoch\s*2\b", _text(_page()))


def test_what_augmentation_does_is_named() -> None:
    assert "then as augmentation changes it: mixup 0.2." in _text(_page())
    assert "nothing is changed" in _text(_page(task=demo_task(training={"augmentation": {}})))


def test_the_page_is_whole_in_itself_and_escapes_what_a_task_says() -> None:
    page = _page()
    assert "Only &lt;drawn&gt; images." in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert "<script" not in page


def test_curves_are_the_same_bytes_for_the_same_numbers() -> None:
    assert curves_svg(HISTORY) == curves_svg(HISTORY) != curves_svg(HISTORY[:2])


@pytest.mark.parametrize(("similarity", "says"), [(0.1, "depends on the weights"), (0.9, "hardly depends on")])
def test_a_map_that_stays_without_learnt_weights_is_called_so(similarity: float, says: str) -> None:
    stages = [{"layers": 2, "share": 0.5, "similarity": 0.7}, {"layers": 4, "share": 1.0, "similarity": similarity}]
    report = ModelReport(_description(), HISTORY, b"", explanation_checks={"layer-cam": stages})
    assert f"layer-cam +0.70 {similarity:+.2f} {says}" in _text(report.to_html())


def test_sections_of_other_steps_are_shown() -> None:
    more = [Table("Sanity", ("what", "found"), [("a", "b")])]
    assert "Sanity" in ModelReport(_description(), HISTORY, b"", more=more).to_html()


@pytest.mark.parametrize("monitor", ["auc", "average_precision"])
def test_any_declared_metric_names_its_best_epoch(monitor: str) -> None:
    assert re.search(r"best epoch\s*1\b", _text(_page(task=demo_task(training={"monitor": monitor}))))
