"""Out of scope: shares of test images, and what headers say."""

from __future__ import annotations

from reports.chapters.scope import scope
from tests.reports.page_text import shown
from tests.reports.sample_report import bare_data, report_data


def test_the_share_of_unusual_test_images_is_told() -> None:
    text = shown(scope(report_data()))
    # 3 of 18 are 16.7 %.
    assert "look unusual 3 (16.7%)" in text and "view 16 2 0" in text


def test_without_the_models_answers_its_limits_are_shown_all_the_same() -> None:
    text = shown(scope(bare_data()))
    assert "not available in this run" in text and "score up to 1.25" in text
