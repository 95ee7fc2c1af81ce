"""Performance, curves, groups, fairness, gates: numbers stand where they belong, and what is missing says why."""

from __future__ import annotations

import base64
import re

import pytest

from evaluation.fairness import Fairness
from evaluation.intervals import Estimate
from reports.chapters.curves import curves, finding_figures
from reports.chapters.fairness import fairness
from reports.chapters.gates import gates
from reports.chapters.performance import performance
from reports.chapters.slices import forest_svg, slices
from reports.page import render_page
from tests.reports.page_text import rows, shown
from tests.reports.sample_report import CURVES, bare_data, description, estimates, evaluation, report_data, summary


@pytest.mark.parametrize("chapter", [performance, curves, slices, fairness, gates])
def test_a_run_without_evaluation_says_so(chapter) -> None:
    text = shown(chapter(bare_data()))
    assert "ot available in this run" in text or "has no slices" in text


def test_every_metric_stands_with_interval_and_patients() -> None:
    listed = rows(render_page("t", [performance(report_data())]))
    assert "sensitivity 0.930 0.880 to 0.970 15" in listed
    assert "calibration slope 0.900 0.800 to 0.950 40" in listed
    assert "mean AUROC 0.800 0.750 to 0.850 40" in listed


def test_metrics_at_a_declared_prevalence_are_named() -> None:
    declared = description(deployment_prevalence={"normal": 0.9, "nodule": 0.06, "cavity": 0.04})
    text = shown(performance(report_data(description=declared)))
    assert "PPV, NPV, Brier score" in text and "nodule 6.0%" in text
    assert "that the task declares" not in shown(performance(report_data()))


def test_a_metric_that_is_not_defined_says_why_and_no_number() -> None:
    overall = summary(nodule=estimates(positive_likelihood_ratio=Estimate(None, patients=9, note="no false positive")))
    listed = rows(render_page("t", [performance(report_data(evaluation=evaluation(overall=overall)))]))
    assert "positive likelihood ratio no false positive - 9" in listed


def test_the_confusion_matrix_has_the_labels_on_both_sides() -> None:
    listed = rows(render_page("t", [performance(report_data())]))
    assert "nodule 2 17 0" in listed
    assert "Labelled as scored as normal scored as nodule scored as cavity" in listed


def test_differences_to_what_is_served_have_intervals() -> None:
    differences = {("nodule", "auroc"): Estimate(0.02, -0.01, 0.05, 40)}
    compared = evaluation(champion=summary(), differences=differences)
    listed = rows(render_page("t", [performance(report_data(evaluation=compared))]))
    assert "nodule, AUROC 0.900 0.900 0.020 (-0.010 to 0.050)" in listed
    assert "nodule, Brier score 0.900 0.900 -" in listed


def test_each_finding_has_five_curves_whatever_is_not_defined() -> None:
    page = render_page("t", [curves(report_data())])
    assert page.count("data:image/svg+xml") == 10


def test_a_group_that_is_too_small_has_its_count_and_no_number() -> None:
    listed = rows(render_page("t", [slices(report_data())]))
    (small,) = {row for row in listed if row.startswith("sex O")}
    assert small == "sex O 40 60 15 " + "too few patients: 7 " * 3 + "- too few patients: 7"


def test_the_forest_plot_names_groups_with_their_patients() -> None:
    groups = {"sex F": summary(), "sex <O>": summary(nodule=estimates(None))}
    drawn = forest_svg("nodule", summary(), groups)
    assert "sex F (40)" in drawn and "sex &lt;O&gt; (40)" in drawn
    # Once for each of the three metrics.
    assert drawn.count("too few patients") == 3


def test_a_disparity_is_marked_and_the_worst_group_named() -> None:
    (row,) = [row for row in rows(render_page("t", [fairness(report_data())])) if row.startswith("false-neg")]
    assert "0.200 0.310 0.020: disparity F" in row
    assert "F 0.250 (0.100 to 0.400), 20\N{NO-BREAK SPACE}patients".replace("\N{NO-BREAK SPACE}", " ") in row


def test_groups_that_are_compared_with_nobody_are_counted() -> None:
    assert "sex O 3" in shown(fairness(report_data()))


def test_no_gap_and_no_small_group_is_said() -> None:
    assert "No gaps" in shown(fairness(report_data(evaluation=evaluation(fairness=Fairness()))))


def test_gates_have_verdict_bound_value_limit_and_what_would_settle_them() -> None:
    listed = rows(render_page("t", [gates(report_data())]))
    assert listed[1].startswith(
        "nodule AUROC unmet at least 0.85 0.900 0.800 15 with, 25 without; about 12 more would settle it"
    )
    assert listed[2].startswith("slope met 0.7 to 1.4 1.000 0.900 to 1.100")
    assert listed[3].startswith("sex gap undecided: reported only gap at most 0.1 - -")
    assert listed[4].startswith("site gap not assessable")
    assert "at most 0.01 worse than what is served" in listed[5]


def test_plots_are_the_same_bytes_for_the_same_numbers() -> None:
    pages = [render_page("t", [finding_figures("nodule", CURVES)]) for _ in range(2)]
    assert pages[0] == pages[1]
    svg = base64.b64decode(re.findall(r"svg\+xml;base64,([^\"]+)", pages[0])[0]).decode()
    assert "sensitivity" in svg
