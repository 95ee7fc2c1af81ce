"""Explained images: what is shown, what there was none of, and whether maps mean anything."""

from __future__ import annotations

from reports.chapters.gallery import gallery
from reports.page import render_page
from tests.reports.page_text import shown
from tests.reports.sample_report import bare_data, report_data


def test_a_case_is_named_by_row_and_hash_and_kinds_without_one_are_named() -> None:
    text = shown(gallery(report_data()))
    assert "False negative, score 0.050 row 17, 0123456789ab" in text
    assert "None shown of: true positives (0 cases), false positives (0 cases), true negatives (0 cases)." in text
    assert "Chosen by rule." in text


def test_a_finding_without_any_case_says_so() -> None:
    assert "cavity No test image of it can be shown." in shown(gallery(report_data()))


def test_pictures_are_in_the_page() -> None:
    assert render_page("t", [gallery(report_data())]).count("data:image/jpeg;base64,") == 1


def test_maps_that_depend_on_the_weights_are_told_from_those_that_hardly_do() -> None:
    assert "layer-cam +0.70 +0.10 depends on the weights" in shown(gallery(report_data()))
    alike = {"layer-cam": [{"share": 1.0, "similarity": 0.9}]}
    assert "hardly depends on the weights" in shown(gallery(report_data(explanation_checks=alike)))


def test_a_run_without_gallery_says_so() -> None:
    assert "Not available in this run" in shown(gallery(bare_data()))
