"""How good the model is on the test split: every metric with its interval, confusion, and against what is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data_schemas.metrics import AT_PREVALENCE, metric_name
from evaluation.evaluation import Evaluation
from evaluation.intervals import Estimate
from evaluation.summary import Summary
from reports.estimates import count, interval, number, patients_text, with_interval
from reports.page import Cell, Chapter, Section, Table
from reports.report_data import OUTCOMES, Gallery, ReportData

HEADING = "Performance"
_COLUMNS = ("Metric", "Value", "95 % interval", "Patients behind it")
_COMPARED = ("auroc", "average_precision", "sensitivity", "specificity", "brier")


def performance(data: ReportData) -> Chapter:
    """Returns the chapter."""
    evaluation, labels = data.evaluation, data.description.task.labels
    if evaluation is None:
        return Chapter(HEADING, (), note="Not available in this run.")
    overall = evaluation.overall
    parts: list[Section] = [_metric_table(finding, overall) for finding in overall.findings]
    parts.append(_task_table(overall.task))
    if overall.confusion is not None:
        parts.append(confusion_table(labels.names, overall.confusion))
    if data.gallery is not None:
        parts.append(outcome_table(data.gallery))
    parts += _comparison(evaluation)
    plural = "studies" if evaluation.unit == "study" else "images"
    note = (
        f"Test split: {overall.examples} {plural} of {count(overall.patients, 'patient')}; a case is one "
        f"{evaluation.unit}. 95 % intervals over patients. Sensitivity and what follows it hold at each finding's "
        "operating point. Patients behind a value are those that it can go wrong on: of sensitivity those with the "
        "finding, of specificity those without, of AUROC and the like the fewer of both, of a mean the fewest of its "
        "findings."
    )
    declared = data.description.deployment_prevalence
    if declared:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in declared.items())
        names = ", ".join(metric_name(name) for name in AT_PREVALENCE)
        note += f" {names} and the confusion matrix hold at the prevalence that the task declares: {shares}."
    return Chapter(HEADING, parts, note=note)


def _metric_table(finding: str, overall: Summary) -> Table:
    with_it, without = overall.positives.get(finding), overall.negatives.get(finding)
    note = "" if with_it is None or without is None else f"{count(with_it, 'patient')} with it, {without} without."
    return Table(
        finding,
        _COLUMNS,
        _rows(overall.findings[finding]),
        note=note,
        compact=True,
    )


def _rows(metrics: Mapping[str, Estimate]) -> list[list[Cell]]:
    return [
        [
            metric_name(name),
            number(one.value) if one.value is not None else one.note or number(None),
            interval(one),
            patients_text(one),
        ]
        for name, one in metrics.items()
    ]


def _task_table(metrics: Mapping[str, Estimate]) -> Table:
    note = "Means of findings weigh each finding the same; accuracy and balanced accuracy are by the highest score."
    return Table(
        "The whole task",
        _COLUMNS,
        _rows(metrics),
        note=note,
        compact=True,
    )


def confusion_table(names: Sequence[str], confusion: Sequence[Sequence[float]]) -> Table:
    """Returns counts by true label and label with the highest score."""
    rows = [[name, *(f"{value:g}" for value in row)] for name, row in zip(names, confusion, strict=True)]
    columns = ("Labelled as", *(f"scored as {name}" for name in names))
    note = "Cases by label and by the label with the highest score; what lies off the diagonal is wrong."
    return Table("Confusion matrix", columns, rows, note=note, compact=True)


def outcome_table(gallery: Gallery) -> Table:
    """Returns right and wrong flags at the operating points."""
    rows: list[list[Cell]] = [
        [finding, *(counts.get(one, 0) for one in OUTCOMES)] for finding, counts in gallery.counts.items()
    ]
    columns = ("Finding", *(f"{one}s".capitalize() for one in OUTCOMES))
    return Table(
        "Right and wrong at the operating point", columns, rows, note="Single images of the test split.", compact=True
    )


def _comparison(evaluation: Evaluation) -> tuple[Table, ...]:
    """Returns candidate and champion beside each other, with their paired differences."""
    champion, differences = evaluation.champion, evaluation.differences
    if champion is None:
        return ()
    rows: list[list[Cell]] = []
    for finding, metrics in evaluation.overall.findings.items():
        for metric in _COMPARED:
            difference = None if differences is None else differences.get((finding, metric))
            said = "-" if difference is None else _difference(difference)
            served = champion.findings[finding][metric]
            rows.append(
                [f"{finding}, {metric_name(metric)}", number(metrics[metric].value), number(served.value), said]
            )
    columns = ("Metric", "This model", "Served now", "Difference (95 % interval, paired by patient)")
    return (Table("Against the model that is served", columns, rows),)


def _difference(difference: Estimate) -> str:
    said = with_interval(difference)
    return f"{said}: {difference.note}" if difference.note and difference.value is not None else said
