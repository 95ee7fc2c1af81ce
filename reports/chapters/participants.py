"""The data: who came in, who was left out and why (STARD's flow), and who is in which split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from data_schemas.features import SPLITS
from data_schemas.ingest_report import IngestReport
from reports.data_check import rows_text
from reports.estimates import count
from reports.page import Cell, Chapter, Flow, Points, Section, Step, Table, Tag
from reports.report_data import GroupCount, ReportData

HEADING = "Data"
_USES = {
    "train": "the network is fitted",
    "eval": "training stops, and hyperparameters are chosen",
    "calibration": "scores become probabilities, operating points and label sets",
    "test": "the model is judged, and nothing else",
}
_MOST_VALUES = 12


def participants(data: ReportData) -> Chapter:
    """Returns the chapter."""
    task = data.description.task
    declared = Points(
        [
            ("Population", [task.population]),
            ("Reference standard", [task.reference_standard]),
            ("Consent", [_consent(data)]),
        ]
    )
    parts: list[Section] = [declared]
    if data.ingest is None:
        return Chapter(HEADING, parts, note="Counts are not available in this run.")
    parts += [_flow(data.ingest), _splits(data.ingest), *_labels(data.ingest), *_groups(data.groups)]
    parts += [*_checks(data), *_rejects(data.ingest)]
    return Chapter(HEADING, parts)


def _consent(data: ReportData) -> str:
    consent = data.description.task.consent
    return "Required: rows without a yes are left out unread." if consent == "required" else f"Waived: {consent.waived}"


def _flow(ingest: IngestReport) -> Flow:
    entered = ingest.rows + ingest.without_consent + ingest.withdrawn
    reasons = Counter(reject.status for reject in ingest.rejects)
    left = [(ingest.without_consent, "without consent"), (ingest.withdrawn, "withdrawn")]
    rejected = [
        f"{count(number, 'image')} rejected: {status.replace('_', ' ')}" for status, number in reasons.most_common()
    ]
    images = sum(ingest.examples.values())
    return Flow(
        "From the manifest to the splits",
        [
            Step(
                "Manifest", count(entered, "row"), [f"{count(number, 'row')} {why}" for number, why in left if number]
            ),
            Step("Allowed to be used", count(ingest.rows, "row"), rejected),
            Step("Read", f"{count(images, 'image')} of {count(ingest.patient_count, 'patient')}"),
            Step("Split by patient", _split_text(ingest)),
        ],
        note="A row can have several frames, each an image. Nobody is in two splits."
        if not ingest.patients_in_two_splits()
        else f"{count(ingest.patients_in_two_splits(), 'patient')} are in two splits.",
    )


def _split_text(ingest: IngestReport) -> str:
    counts = ((split, ingest.examples.get(split, 0), len(ingest.patients.get(split, ()))) for split in SPLITS)
    return "; ".join(
        f"{split} {count(images, 'image')} of {count(people, 'patient')}" for split, images, people in counts
    )


def _splits(ingest: IngestReport) -> Table:
    rows: list[list[Cell]] = [
        [split, len(ingest.patients.get(split, ())), ingest.examples.get(split, 0), _USES[split]] for split in SPLITS
    ]
    return Table("Splits", ("Split", "Patients", "Images", "On it"), rows)


def _labels(ingest: IngestReport) -> tuple[Table, ...]:
    names = list(dict.fromkeys(name for counts in ingest.labels.values() for name in counts))
    rows: list[list[Cell]] = []
    for name in names:
        counts = [ingest.labels.get(split, {}).get(name, 0) for split in SPLITS]
        rows.append([name, *counts, sum(counts)])
    return (Table("Images by label", ("Label", *SPLITS, "all"), rows, compact=True),) if rows else ()


def _groups(groups: Sequence[GroupCount]) -> tuple[Table, ...]:
    """Returns patients by group and split; of an attribute with many values, the commonest."""
    by_value: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for group in groups:
        if group.feature != "label":
            by_value[group.feature][group.value][group.split] += group.patients
    rows: list[list[Cell]] = []
    for feature, values in by_value.items():
        ordered = sorted(values.items(), key=lambda item: (-item[1].total(), item[0]))
        for value, counts in sorted(ordered[:_MOST_VALUES]):
            rows.append([f"{feature.replace('_', ' ')} {value}", *(counts[split] for split in SPLITS), counts.total()])
        rest = sum((counts for _, counts in ordered[_MOST_VALUES:]), Counter())
        if rest:
            name = f"{feature.replace('_', ' ')}: {len(ordered) - _MOST_VALUES} others"
            rows.append([name, *(rest[split] for split in SPLITS), rest.total()])
    note = "Who has images of two values, such as two views, counts in both."
    return (Table("Patients by group", ("Group", *SPLITS, "all"), rows, note=note, compact=True),) if rows else ()


def _checks(data: ReportData) -> tuple[Table, ...]:
    """Returns what DataCheck found that is not as it should be."""
    if data.data_check is None:
        return ()
    failed = [check for check in data.data_check.checks if not check.passed]
    rows: list[list[Cell]] = [
        [check.name, Tag("stops the run" if check.blocking else "warning", "warn"), check.summary] for check in failed
    ]
    heading = f"Checks of the data: {len(data.data_check.checks) - len(failed)} of {len(data.data_check.checks)} passed"
    if not rows:
        rows = [["all checks", Tag("passed", "good"), "duplicates, labels, groups, shortcuts, quality and drift"]]
    return (
        Table(heading, ("Check", "Verdict", "What was found"), rows, note="All of them are in DataCheck's report."),
    )


def _rejects(ingest: IngestReport) -> tuple[Table, ...]:
    reasons: dict[str, list[int]] = defaultdict(list)
    for reject in ingest.rejects:
        reasons[f"{reject.status}: {reject.reason}"].append(reject.row)
    rows: list[list[Cell]] = [
        [why, len(numbers), rows_text(numbers)]
        for why, numbers in sorted(reasons.items(), key=lambda item: -len(item[1]))
    ]
    return (Table("Rejected images", ("Reason", "Images", "Manifest rows"), rows),) if rows else ()
