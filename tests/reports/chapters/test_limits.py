"""Use, limits and ethics follow from the task and from what was found."""

from __future__ import annotations

from reports.chapters.limits import ethical_considerations, limits
from tests.reports.page_text import shown
from tests.reports.sample_report import bare_data, report_data


def test_a_disparity_and_what_cannot_be_seen_are_risks() -> None:
    risks = [risk for risk, _ in ethical_considerations(report_data())]
    assert "Bias: false-negative rate of nodule differs by sex; F fares worst." in risks
    assert any("too few test patients of sex O (40)" in risk for risk in risks)
    assert any("does not tell site" in risk for risk in risks)


def test_without_an_evaluation_no_bias_is_claimed() -> None:
    assert not [risk for risk, _ in ethical_considerations(bare_data()) if risk.startswith("Bias: ")]


def test_declared_limitations_are_shown_escaped_and_users_named() -> None:
    text = shown(limits(report_data()))
    assert "Only &lt;drawn&gt; images." in text and "nobody who decides about a patient" in text
