"""What a score means: how logits become probabilities, flags and sets of labels."""

from __future__ import annotations

from data_schemas.decisions import OperatingPoint
from data_schemas.description import ModelDescription
from evaluation.conformal import fewest_patients
from reports.page import Cell, Chapter, Table, Verdict
from reports.report_data import ReportData

HEADING = "What a score means"
_METHODS = {
    "temperature_and_intercepts": "one temperature and an intercept a class",
    "temperature": "one temperature; intercepts only undo the class weights, some classes having too few patients",
    "platt": "a slope and an intercept a finding",
    "none": "nothing was fitted, for want of patients; intercepts only undo the class weights",
}


def decisions(data: ReportData) -> Chapter:
    """Returns the chapter."""
    description = data.description
    return Chapter(HEADING, [_meaning(description), _labels_table(description), *_sets_table(description)])


def _meaning(description: ModelDescription) -> Verdict:
    """Says in words what a score of this model is."""
    calibration = description.calibration
    shares = ", ".join(f"{name} {share:.1%}" for name, share in description.scores_prevalence.items())
    where = "the task declares for deployment" if description.deployment_prevalence else "the calibration split has"
    cases = f"{calibration.images} {'images' if description.task.unit == 'image' else 'studies'}"
    rest = f"Fitted: {_METHODS[calibration.method]} ({cases}, {calibration.patients} patients)."
    if not description.calibrated:
        text = f"Scores order images; as probabilities they are not to be trusted. {rest}"
        return Verdict("Not calibrated", text, "warn")
    text = f"Scores are probabilities at the prevalence that {where}: {shares}. {rest}"
    whole = calibration.method != "temperature"
    return Verdict("Calibrated" if whole else "Calibrated in part", text, "good" if whole else "warn")


def _labels_table(description: ModelDescription) -> Table:
    task, deployed = description.task, description.deployment_prevalence
    calibration = description.calibration
    columns = ["Label", "Prevalence", "Slope", "Intercept", "Operating point", "Chosen by"]
    rows = [
        [
            name,
            f"{description.prevalence[name]:.1%}" + (f", deployed {deployed[name]:.1%}" if deployed else ""),
            f"{calibration.slopes[index]:.2f}",
            f"{calibration.intercepts[index]:+.2f}",
            f"{description.operating_points[name]:.3f}" if name in task.labels.findings else "-",
            _rule(task.decisions.point_of(name)) if name in task.labels.findings else "-",
        ]
        for index, name in enumerate(task.labels.names)
    ]
    note = "Fitted on the calibration split. Operating points are probabilities at that split's prevalence."
    return Table("From logits to flags", columns, rows, note=note)


def _rule(point: OperatingPoint) -> str:
    if point.rule == "cost":
        return f"cost, {point.false_negative_cost:g} a miss and {point.false_positive_cost:g} a false alarm"
    return "Youden" if point.rule == "youden" else f"{point.rule} {point.value:g}"


def _sets_table(description: ModelDescription) -> tuple[Table, ...]:
    """Says what each label's place in a set rests on."""
    sets = description.conformal
    if sets is None:
        return ()
    needed = fewest_patients(1.0 - sets.coverage)
    kinds = [("", sets.thresholds, sets.patients)]
    if sets.absent_thresholds:
        kinds = [("present", sets.thresholds, sets.patients), ("absent", sets.absent_thresholds, sets.absent_patients)]
    rows: list[list[Cell]] = [
        [f"{name} {kind}".strip(), patients[index], _limit(thresholds[index])]
        for index, name in enumerate(description.task.labels.names)
        for kind, thresholds, patients in kinds
    ]
    note = (
        f"For a new patient of the same population, each set holds the true label with a chance of {sets.coverage:.0%} "
        f"or more. A label with fewer than {needed} calibration patients is in every set."
    )
    return (Table("Sets of labels", ("Label", "Patients", "In the set where 1 - probability is"), rows, note=note),)


def _limit(threshold: float | None) -> str:
    return "cannot be left out: too few patients" if threshold is None else f"up to {threshold:.3f}"
