"""The stress test: what the images were changed by, and how far that moved scores and metrics."""

from __future__ import annotations

from reports.page import Chapter
from reports.report_data import ReportData
from reports.stress import stress_sections

HEADING = "Stress tests"


def stress(data: ReportData) -> Chapter:
    """Returns the chapter."""
    if data.stress is None:
        return Chapter(HEADING, (), note="Not available in this run.")
    return Chapter(HEADING, stress_sections(data.stress))
