"""The model by group: forest plots of the main metrics, and a table with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.intervals import Estimate
from evaluation.summary import Summary
from reports.estimates import NOT_DEFINED, metric_name, number, slice_name, with_interval
from reports.page import Cell, Chapter, Figure, Section, Table
from reports.plots import BLUE, GREY, figure, svg
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
            rows = [one.findings[finding][metric] for one in groups.values()]
            _draw_forest(axes, rows, overall.findings[finding][metric], metric_name(metric))
        first = canvas.axes[0]
        first.set_yticks(range(len(groups)), [f"{name} ({one.patients})" for name, one in groups.items()])

    return svg(draw, size=(9.6, 0.9 + 0.24 * max(2, len(groups))))


def _draw_forest(axes: Any, rows: Sequence[Estimate], whole: Estimate, name: str) -> None:
    if whole.lower is not None and whole.upper is not None:
        axes.axvspan(whole.lower, whole.upper, color=GREY, alpha=0.25, linewidth=0)
    for place, one in enumerate(rows):
        if one.value is None:
            axes.text(0.02, place, one.note.split(":")[0] or NOT_DEFINED, color=GREY, fontsize=8, va="center")
            continue
        if one.lower is not None and one.upper is not None:
            axes.plot([one.lower, one.upper], [place, place], color=BLUE, linewidth=1.4)
        axes.plot([one.value], [place], "s", color=BLUE, markersize=4)
    axes.set(xlabel=name, xlim=(-0.02, 1.02), ylim=(len(rows) - 0.4, -0.6))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


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
