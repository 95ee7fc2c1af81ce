"""Intended use and users, uses that are out of scope, limitations, and ethical considerations."""

from __future__ import annotations

from data_schemas.metrics import metric_name
from evaluation.fairness import Gap
from reports.chapters.summary import RESEARCH_ONLY, is_disparity, small_groups, unknown_attributes
from reports.estimates import listed
from reports.page import Chapter, Points
from reports.report_data import ReportData

HEADING = "Use, limits and ethics"
USERS = (
    "People who research and review such models: radiologists, engineers, auditors. It is made for nobody who decides "
    "about a patient."
)


def limits(data: ReportData) -> Chapter:
    """Returns the chapter."""
    task = data.description.task
    points = [
        ("Intended use", [task.intended_use]),
        ("Users", [USERS]),
        ("Out-of-scope uses", out_of_scope_uses(data)),
        ("Limitations", limitations(data)),
        ("Ethical considerations", [said for said, _ in ethical_considerations(data)]),
    ]
    return Chapter(HEADING, [Points(points)])


def out_of_scope_uses(data: ReportData) -> list[str]:
    """Returns what the model must not be used for."""
    task = data.description.task
    others = (
        f"Images other than {', '.join(task.modalities)}; findings other than {listed(task.labels.findings)}; people "
        "other than those whom the chapter Data describes."
    )
    said = [RESEARCH_ONLY, others]
    if task.decisions.age_range is not None:
        said.append(f"Ages outside {task.decisions.age_range[0]:g} to {task.decisions.age_range[1]:g} years.")
    return said


def limitations(data: ReportData) -> list[str]:
    """Returns what the task declares, and what follows from the run."""
    said = list(data.description.task.limitations) or ["The task declares none."]
    if data.evaluation is not None:
        said.append("It was judged on patients of the same source as those it was made from; others may differ.")
    if not data.description.calibrated:
        said.append("Its scores are not probabilities: the calibration split was too small for all of its labels.")
    return said


def ethical_considerations(data: ReportData) -> list[tuple[str, str]]:
    """Returns risks, each with what is done about it."""
    task = data.description.task
    consent = (
        "consent is required of every row"
        if task.consent == "required"
        else f"consent is waived: {task.consent.waived}"
    )
    found = [
        (
            f"Privacy: images may be of people; {consent.rstrip('.')}.",
            "Records name images by keyed hashes alone; who withdraws is left out of later runs.",
        ),
        (
            "Automation bias: a reader may follow a flag, or its absence, against better knowledge.",
            "Intervals, label sets and out-of-scope warnings are given with each score.",
        ),
    ]
    for gap in filter(is_disparity, _gaps(data)):
        attribute = gap.attribute.replace("_", " ")
        risk = f"Bias: {metric_name(gap.metric)} of {gap.finding} differs by {attribute}; {gap.worst} fares worst."
        found.append((risk, "The chapter on fairness says by how much."))
    small = small_groups(data)
    if small:
        found.append(
            (f"Bias that cannot be seen: too few test patients of {', '.join(small)}.", "They are counted, not judged.")
        )
    unknown = unknown_attributes(data)
    if unknown:
        found.append(
            (f"Bias that cannot be seen: the data does not tell {listed(unknown)}.", "It is named on the first screen.")
        )
    return found


def _gaps(data: ReportData) -> tuple[Gap, ...]:
    return data.evaluation.fairness.gaps if data.evaluation is not None else ()
