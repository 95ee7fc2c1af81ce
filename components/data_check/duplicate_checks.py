"""Does an image stand in the data more than once, and do its labels agree?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from components.data_check.image_table import ImageTable
from data_schemas.features import STUDY
from data_schemas.image_index import FILE_HASH, PIXEL_HASH
from evaluation.duplicates import Group, equal_groups, merged, near_groups
from reports.data_check import Check, CheckTable, rows_text

IDENTICAL_FILES, IDENTICAL_PIXELS, LOOK_ALIKE = "identical files", "identical pixels", "look alike"
_SHOWN_GROUPS = 100


DuplicateGroups = dict[str, list[Group]]


def duplicate_groups(table: ImageTable) -> DuplicateGroups:
    """Returns the groups of images that are one, by kind; a group is listed under the strictest kind that it is."""
    files = equal_groups(list(table.words(FILE_HASH)))
    pixels = equal_groups(list(table.words(PIXEL_HASH)))
    alike = near_groups(table.hashes, table.thumbnails)
    known: set[Group] = set(files)
    found = {IDENTICAL_FILES: files}
    for kind, groups in ((IDENTICAL_PIXELS, pixels), (LOOK_ALIKE, alike)):
        found[kind] = [group for group in groups if group not in known]
        known |= set(groups)
    return found


def check_duplicates(table: ImageTable, groups: DuplicateGroups) -> Iterator[Check]:
    """Yields what is wrong with images that stand more than once; `groups` are `duplicate_groups`'."""
    policy = table.task.data_policy
    exact = merged(groups[IDENTICAL_FILES], groups[IDENTICAL_PIXELS], count=len(table))
    for name, found, blocking in (
        ("duplicates across splits", exact, policy.duplicates == "block"),
        ("look-alikes across splits", groups[LOOK_ALIKE], policy.near_duplicates == "block"),
    ):
        across = [group for group in found if len(set(table.splits[list(group)])) > 1]
        yield Check(
            name=name,
            passed=not across,
            blocking=blocking,
            summary=_counted(across, table) or "none",
            mend="one picture under two patient ids puts answers of `test` into `train`: give both rows one "
            "patient_id, or remove one",
        )
    within = [group for group in exact if len(set(table.splits[list(group)])) == 1]
    yield Check(
        name="duplicates within a split",
        passed=not within,
        blocking=False,
        summary=_counted(within, table) or "none",
        mend="each copy counts as an image of its own, in training and in every result: remove all but one",
    )
    yield _label_conflicts(table, merged(exact, groups[LOOK_ALIKE], count=len(table)))
    yield _patient_conflicts(table)
    if table.task.unit == "study" and table.task.labels.type == "multi_class":
        yield _study_conflicts(table)


def duplicate_table(table: ImageTable, groups: DuplicateGroups) -> CheckTable | None:
    """Returns a row for each group of images that are one; None where there is none."""
    rows = [
        (
            kind,
            rows_text(table.rows[list(group)]),
            ", ".join(sorted(set(table.splits[list(group)]))),
            len(set(table.patients[list(group)])),
            "differ" if _disagree(table, group) else "agree",
        )
        for kind, found in groups.items()
        for group in found
    ]
    if not rows:
        return None
    cut = f" The first {_SHOWN_GROUPS} of {len(rows)} groups." if len(rows) > _SHOWN_GROUPS else ""
    return CheckTable(
        heading="Images that stand more than once",
        columns=("Kind", "Manifest rows", "Splits", "Patients", "Labels"),
        rows=tuple(rows[:_SHOWN_GROUPS]),
        note=f"Look alike: few bits of a perceptual hash differ and thumbnails correlate with 0.99 or more.{cut}",
    )


def _label_conflicts(table: ImageTable, groups: Sequence[Group]) -> Check:
    found = [group for group in groups if _disagree(table, group)]
    return Check(
        name="labels of duplicates",
        passed=not found,
        blocking=table.task.data_policy.label_conflicts == "block",
        summary=_counted(found, table) or "images that are one have the same labels",
        mend="one picture cannot be both: look at it and mend the manifest",
    )


def _patient_conflicts(table: ImageTable) -> Check:
    groups = [tuple(group) for group in equal_groups(list(table.patients)) if _disagree(table, group)]
    return Check(
        name="labels of a patient",
        passed=not groups,
        blocking=table.task.data_policy.label_conflicts == "block",
        summary=f"{_patients_have(len(groups))} images with different labels: rows "
        + "; ".join(rows_text(table.rows[list(group)]) for group in groups[:_FEW])
        + ("; ..." if len(groups) > _FEW else "")
        if groups
        else "all images of a patient have the same labels",
        mend="right where the images are of different days or sides; wrong where one of the labels is",
    )


def _study_conflicts(table: ImageTable) -> Check:
    studies = equal_groups([f"{one} {its}" for one, its in zip(table.patients, table.words(STUDY), strict=True)])
    conflicting = [group for group in studies if (table.labels[list(group)] == 1).any(axis=0).sum() > 1]
    return Check(
        name="labels of a study",
        passed=not conflicting,
        blocking=table.task.data_policy.label_conflicts == "block",
        summary=f"left out of what is fitted and judged, as no label says two findings: {_counted(conflicting, table)}"
        if conflicting
        else "no study has images with different findings",
        mend="mend the labels; where a study may have several findings, make the task multi_label",
    )


def _patients_have(count: int) -> str:
    return "1 patient has" if count == 1 else f"{count} patients have"


_FEW = 10
"""Groups that a sentence lists; the table has more."""


def _disagree(table: ImageTable, group: Group) -> bool:
    """Returns whether a finding is present on one image of a group and absent on another."""
    labels = table.labels[list(group)]
    return bool(((labels == 1).any(axis=0) & (labels == 0).any(axis=0)).any())


def _counted(groups: Sequence[Group], table: ImageTable) -> str:
    if not groups:
        return ""
    images = int(np.sum([len(group) for group in groups]))
    shown = "; ".join(rows_text(table.rows[list(group)]) for group in groups[:_FEW])
    noun = "group" if len(groups) == 1 else "groups"
    return f"{len(groups)} {noun} of {images} images: rows {shown}" + ("; ..." if len(groups) > _FEW else "")
