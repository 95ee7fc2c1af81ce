"""What the notebooks share: a viewer that fails leaves a line, and sections become HTML."""

from __future__ import annotations

import logging

import pytest

from reports import notebook
from reports.page import Facts


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list:
    found: list = []
    monkeypatch.setattr(notebook, "display", found.append)
    return found


def test_a_viewer_that_fails_leaves_a_line(displayed: list, capsys: pytest.CaptureFixture[str]) -> None:
    notebook.show_widget(lambda: 1 / 0)
    assert displayed == []
    assert capsys.readouterr().out == (
        "No interactive view here (ZeroDivisionError); the static figures show the same.\n"
    )


def test_a_view_is_displayed_and_one_that_shows_itself_is_not_shown_twice(displayed: list) -> None:
    notebook.show_widget(lambda: "view")
    notebook.show_widget(lambda: None)
    assert displayed == ["view"]


def test_sections_are_shown_as_html(displayed: list) -> None:
    notebook.show(Facts([("images", 7)], heading="Test <split>"))
    assert "Test &lt;split&gt;" in displayed[0].data and "7" in displayed[0].data


def test_quiet_lets_errors_of_tensorflow_through_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    logger = logging.getLogger("tensorflow")
    before = list(logger.filters)
    try:
        notebook.quiet()
        assert not logger.filter(logging.LogRecord("tensorflow", logging.WARNING, "", 0, "", (), None))
        assert logger.filter(logging.LogRecord("tensorflow", logging.ERROR, "", 0, "", (), None))
    finally:
        logger.filters = before
