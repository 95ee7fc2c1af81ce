"""The model report: what it says in words follows from what was found, and nothing in it comes from elsewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from data_schemas.description import Calibration, ConformalSets
from data_schemas.metrics import METRICS
from evaluation.curves import Curves
from evaluation.fairness import Fairness
from evaluation.intervals import Estimate
from reports.chapters.training import curve_svg
from reports.model_report import CHAPTERS, report_files, report_html, write_files
from reports.report_data import ReportData
from tests.models.tasks import demo_task, multi_label_task
from tests.reports.page_text import text_of as _text
from tests.reports.sample_report import HISTORY, bare_data, description, evaluation, report_data, summary


def _page(**changes: Any) -> str:
    return report_html(ReportData("run", description(**changes), history=HISTORY, contact_sheet=b"png"))


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


class _Addresses(HTMLParser):
    """Everything that a page would fetch or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "poster", "action")]


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """Returns page and exports of a whole run."""
    return report_files(report_data())


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "bare"])
def test_the_page_fetches_nothing_and_runs_nothing(whole, files) -> None:
    page = files["model_report.html"] if whole else report_html(bare_data())
    parser = _Addresses()
    parser.feed(page)
    assert [one for one in parser.found if not one.startswith(("data:", "#"))] == []
    assert not parser.tags & {"script", "link", "iframe", "object", "form"}
    assert not re.search(r"@import|url\(|https?://", re.sub(r'"data:[^"]*"', "", page))


def test_the_page_escapes_what_a_task_says() -> None:
    evil = "<script>alert(1)</script>"
    task = demo_task(limitations=(evil,), intended_use=evil, population=evil, title=evil)
    page = report_html(report_data(description=description(task=task)))
    assert "<script" not in page and page.count("&lt;script&gt;") >= 4


def test_every_chapter_is_there_and_in_the_contents(files) -> None:
    page = files["model_report.html"]
    anchors = re.findall(r'href="#([a-z0-9-]+)"', page)
    assert len(set(anchors)) == len(anchors) == len(CHAPTERS)
    assert anchors == re.findall(r'<section class="chapter" id="([a-z0-9-]+)">', page)


def test_the_first_screen_comes_before_everything_else(files) -> None:
    page = files["model_report.html"]
    first = page[: page.index("<nav")]
    for said in (
        "Refused",
        "not a medical device",
        "What it is for",
        "How good it is",
        "For whom not",
        "2 other models",
    ):
        assert said in first


def test_a_refused_model_has_a_whole_report(files, tmp_path: Path) -> None:
    write_files(files, tmp_path)
    names = {"model_report.html", "report.json", "metrics.csv", "model_card.json", "metadata.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert json.loads((tmp_path / "report.json").read_text())["blessed"] is False


def test_curves_are_the_same_bytes_for_the_same_numbers() -> None:
    assert curve_svg(HISTORY, "loss") == curve_svg(HISTORY, "loss") != curve_svg(HISTORY[:2], "loss")


@pytest.mark.parametrize("monitor", ["auc", "average_precision"])
def test_any_declared_metric_names_its_best_epoch(monitor: str) -> None:
    assert re.search(r"best epoch\s*1\b", _text(_page(task=demo_task(training={"monitor": monitor}))))


def test_a_test_split_that_tells_nothing_still_has_a_whole_report() -> None:
    nothing = dict.fromkeys(METRICS, Estimate(None, patients=0, note="no case of it"))
    overall = summary(nodule=nothing, cavity=nothing)
    none = Curves(
        roc={"false_positive_rate": [], "sensitivity": []},
        precision_recall={"recall": [None], "precision": [None]},
        reliability={name: [] for name in ("predicted", "observed", "lower", "upper", "cases")},
        decision={"threshold": [0.1], "model": [None], "everyone": [None]},
        prevalence={"prevalence": [0.1], "ppv": [None], "npv": [None]},
    )
    empty = evaluation(overall=overall, slices={(("sex", "F"),): overall}, curves={"nodule": none}, fairness=Fairness())
    files = report_files(report_data(evaluation=empty, history=[{**HISTORY[0], "eval_auc": float("nan")}]))
    assert "nothing can be said (no case of it)" in _text(files["model_report.html"])
    assert json.loads(files["report.json"])["training"][0]["eval_auc"] is None
    assert json.loads(files["metadata.json"])["eval_metrics"] == {}
