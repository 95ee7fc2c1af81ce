"""Differences between groups: how large, how sure, which group fares worst, and of which groups nothing can be said."""

from __future__ import annotations

from data_schemas.metrics import metric_name
from evaluation.fairness import Fairness, Gap
from evaluation.intervals import Estimate
from reports.chapters.summary import SIGNIFICANT
from reports.estimates import count, number, with_interval
from reports.page import Cell, Chapter, Section, Table, Tag
from reports.report_data import ReportData

HEADING = "Fairness"
_NOTE = (
    "The gap is the largest group's value less the smallest's, with a one-sided 95 % bound above. p is that all "
    "groups are alike, corrected for the number of gaps (Holm): below 0.05 it is a disparity; above, no proof that "
    "there is none. A false negative of a diseased patient is underdiagnosis. In brackets are bounds that hold for "
    "all groups at once. Patients are those that the measure rests on: of a false-negative rate those with the "
    "finding, of a false-positive rate those without, of AUROC the fewer of both."
)


def fairness(data: ReportData) -> Chapter:
    """Returns the chapter."""
    if data.evaluation is None:
        return Chapter(HEADING, (), note="Not available in this run.")
    found = data.evaluation.fairness
    parts: list[Section] = [*_gaps(found), *_too_small(found)]
    if not parts:
        return Chapter(HEADING, (), note="No gaps: no attribute has two groups with enough patients.")
    return Chapter(HEADING, parts, note=_NOTE)


def _gaps(found: Fairness) -> list[Section]:
    attributes = dict.fromkeys(gap.attribute for gap in found.gaps)
    columns = ("Measure", "Gap", "At most", "p (Holm)", "Worst group", "Groups")
    return [
        Table(
            f"By {attribute.replace('_', ' ')}",
            columns,
            [_row(gap) for gap in found.gaps if gap.attribute == attribute],
        )
        for attribute in attributes
    ]


def _row(gap: Gap) -> list[Cell]:
    value = number(gap.gap.value) if gap.gap.value is not None else gap.gap.note or number(None)
    return [
        f"{metric_name(gap.metric)}, {gap.finding}",
        value,
        "-" if gap.gap.upper is None else number(gap.gap.upper),
        _p(gap.p_holm),
        gap.worst or "-",
        "; ".join(_group(name, one) for name, one in gap.groups.items()),
    ]


def _group(name: str, one: Estimate) -> str:
    said = f"{name} {with_interval(one)}"
    return said if one.value is None or one.patients is None else f"{said}, {count(one.patients, 'patient')}"


def _p(value: float | None) -> Cell:
    if value is None:
        return "-"
    text = "below 0.001" if value < 0.001 else f"{value:.3f}"
    return Tag(f"{text}: disparity", "bad") if value < SIGNIFICANT else text


def _too_small(found: Fairness) -> list[Section]:
    rows: list[list[Cell]] = [
        [attribute.replace("_", " "), group, patients]
        for attribute, groups in found.too_small.items()
        for group, patients in groups.items()
    ]
    note = "Counted, and compared with nobody: a number would mean nothing."
    return (
        [Table("Groups too small to say anything", ("Attribute", "Group", "Patients"), rows, note=note)] if rows else []
    )
