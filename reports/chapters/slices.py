"""The model by group: forest plots of the main metrics, and a table with counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_schemas.metrics import metric_name
from evaluation.summary import Summary
from reports.estimates import number, slice_name, with_interval
from reports.metric_plots import draw_forest
from reports.page import Cell, Chapter, Figure, Section, Table
from reports.plots import figure, svg
from reports.report_data import ReportData

HEADING = "Groups"
_DRAWN = ("auroc", "sensitivity", "specificity")
_MOST_ROWS = 24
"""Groups in one plot; with more, those with the most patients."""


def slices(data: ReportData) -> Chapter:
    """Returns the chapter."""
    evaluation = data.evaluation
    if evaluation is None or not evaluation.slices:
        return Chapter(HEADING, (), note="No groups: this run has no slices.")
    shown = {
        slice_name(key): one for key, one in sorted(evaluation.slices.items(), key=lambda item: (len(item[0]), item[0]))
    }
    parts: list[Section] = []
    for finding in evaluation.overall.findings:
        parts += [_forest(finding, evaluation.overall, shown), _table(finding, evaluation.overall, shown)]
    note = (
        "A group too small to say anything is shown with its count alone. The grey band is the whole test split's "
        "interval. Every metric of every group is in metrics.csv."
    )
    return Chapter(HEADING, parts, note=note)


def _forest(finding: str, overall: Summary, groups: dict[str, Summary]) -> Figure:
    largest = sorted(groups, key=lambda name: -groups[name].patients)[:_MOST_ROWS]
    shown = {name: one for name, one in groups.items() if name in largest}
    said = f"Three metrics of {finding} in {len(shown)} groups; the values are in the table below."
    note = f"The {_MOST_ROWS} groups with the most patients." if len(groups) > _MOST_ROWS else ""
    return figure(f"{finding} by group", forest_svg(finding, overall, shown), said, note)


def forest_svg(finding: str, overall: Summary, groups: Mapping[str, Summary]) -> str:
    """Returns forest plots beside each other: a dot and a line for each group, and a band for all of them together.

    Args:
        finding: whose metrics.
        overall: of all groups together.
        groups: by name, from top to bottom; those without a value say that they have too few patients.
    """

    def draw(canvas: Any) -> None:
        for axes, metric in zip(canvas.subplots(1, len(_DRAWN), sharey=True), _DRAWN, strict=True):
            rows = {f"{name} ({one.patients})": one.findings[finding][metric] for name, one in groups.items()}
            whole = overall.findings[finding][metric]
            draw_forest(axes, rows, name=metric_name(metric), whole=whole, range_=(0, 1))

    return svg(draw, size=(9.6, 0.9 + 0.24 * max(2, len(groups))))


def _table(finding: str, overall: Summary, groups: dict[str, Summary]) -> Table:
    rows: list[list[Cell]] = []
    for name, one in {"all": overall, **groups}.items():
        metrics = one.findings[finding]
        rows.append(
            [
                name,
                one.patients,
                one.examples,
                one.positives.get(finding, 0),
                *(with_interval(metrics[metric]) for metric in _DRAWN),
                number(metrics["flag_rate"].value) if metrics["flag_rate"].value is not None else "-",
                with_interval(metrics["calibration_intercept"]),
            ]
        )
    columns = (
        "Group",
        "Patients",
        "Cases",
        "With it",
        *(metric_name(metric) for metric in _DRAWN),
        "Flagged",
        "Calibration intercept",
    )
    return Table(f"{finding} by group, in numbers", columns, rows)
