"""What DataCheck looks for, as functions of what earlier steps found; nothing here reads or writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.data_check.duplicate_checks import check_duplicates, duplicate_groups, duplicate_table
from components.data_check.group_checks import check_groups, check_quality, check_text, group_table
from components.data_check.image_table import ImageTable
from components.data_check.shortcut_checks import check_shortcuts, shortcut_probes, shortcut_table
from data_schemas.ingest_report import IngestReport
from data_schemas.task import Task
from reports.data_check import Check, CheckTable

_SHOWN = 5


def check_data(task: Task, ingest: IngestReport, *, anomalies: Mapping[str, Mapping[str, str]]) -> list[Check]:
    """Returns every check with what it found.

    Args:
        task: its `data_policy` says what blocks.
        ingest: the ingest's report.
        anomalies: by split, TFDV's anomalies as feature -> description.
    """
    return [
        _rejects(task, ingest),
        _patients(ingest),
        *_splits(task, ingest),
        *_anomalies(task, ingest.examples, anomalies),
    ]


def check_images(table: ImageTable) -> tuple[list[Check], list[CheckTable]]:
    """Returns every check of the images themselves, and the tables that go with them; none where there is no image."""
    if not len(table):
        return [], []
    probes, groups = shortcut_probes(table), duplicate_groups(table)
    checks = [
        *check_duplicates(table, groups),
        *check_groups(table),
        *check_quality(table),
        *check_text(table),
        *check_shortcuts(table, probes),
    ]
    tables = (duplicate_table(table, groups), group_table(table), shortcut_table(probes))
    return checks, [one for one in tables if one is not None]


def _rejects(task: Task, ingest: IngestReport) -> Check:
    count, policy = len(ingest.rejects), task.data_policy
    share = count / ingest.rows
    reasons = sorted({f"{reject.status}: {reject.reason}" for reject in ingest.rejects})
    shown = "; ".join(reasons[:_SHOWN]) + ("; ..." if len(reasons) > _SHOWN else "")
    return Check(
        name="rejected images",
        passed=share <= policy.max_rejected_share,
        blocking=policy.rejected == "block",
        summary=f"{count} of {ingest.rows} rows rejected ({share:.1%}, allowed {policy.max_rejected_share:.1%})"
        + (f": {shown}" if shown else ""),
        mend="look at the rows in ingest.json with `radflow inspect`; mend or remove them, or raise "
        "data_policy.max_rejected_share in the task if the loss does not bias the data",
    )


def _patients(ingest: IngestReport) -> Check:
    count = ingest.patients_in_two_splits()
    return Check(
        name="patients in one split",
        passed=count == 0,
        blocking=True,
        summary=f"{count} of {ingest.patient_count} patients have images in more than one split",
        mend="give all images of a patient the same `split` in the manifest, or leave the column out",
    )


def _splits(task: Task, ingest: IngestReport) -> Iterator[Check]:
    for split, share in task.splits.shares.items():
        if not share and not ingest.examples[split]:
            continue
        labels = ingest.labels[split]
        absent = [name for name, count in labels.items() if not count]
        # Without a label in train or test nothing can be learnt or judged; elsewhere it weakens what is chosen there.
        yield Check(
            name=f"every label in {split}",
            passed=bool(ingest.examples[split]) and not absent,
            blocking=split in ("train", "eval", "test") if not ingest.examples[split] else split in ("train", "test"),
            summary=f"{ingest.examples[split]} images of {len(ingest.patients[split])} patients"
            + (f"; none is labelled {', '.join(absent)}" if absent else ""),
            mend="add patients with these labels, take the labels out of the task, or give the split a larger share",
        )


def _anomalies(task: Task, examples: Mapping[str, int], anomalies: Mapping[str, Mapping[str, str]]) -> Iterator[Check]:
    for split, found in sorted(anomalies.items()):
        listed = "; ".join(f"{feature}: {text}" for feature, text in sorted(found.items()))
        yield Check(
            name=f"schema of {split}",
            passed=not found,
            blocking=task.data_policy.anomalies == "block",
            summary=listed or ("every feature is as the schema says" if examples.get(split) else "no examples"),
            mend="correct the manifest's column or the files' headers; a value that is right belongs into the task",
        )
