"""Are the groups that results are sliced by large enough to say anything, and are their images sound?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.data_check.image_table import ImageTable, patient_count
from data_schemas import features, image_index
from data_schemas.features import SPLITS
from evaluation.outliers import far_out
from imaging.burned_in_text import FEWEST_CHARACTERS
from reports.data_check import Check, CheckTable, rows_text

FEWEST_PATIENTS = 10
"""Patients with and without a finding below which a group's sensitivity or specificity says next to nothing: of ten
right answers in ten, the 95 % interval still begins at 0.69."""


def check_groups(table: ImageTable) -> Iterator[Check]:
    """Yields whether every group has enough patients in the test split."""
    small = [f"{name} {value}" for name, value, count in _fewest(table) if count < FEWEST_PATIENTS]
    yield Check(
        name="groups large enough to evaluate",
        passed=not small,
        blocking=table.task.data_policy.small_groups == "block",
        summary=f"fewer than {FEWEST_PATIENTS} test patients with or without a finding: {', '.join(small)}"
        if small
        else f"every group has {FEWEST_PATIENTS} test patients or more with and without each finding",
        mend="add patients of these groups, give `test` a larger share, or read their results as no evidence",
    )


def group_table(table: ImageTable) -> CheckTable | None:
    """Returns images and patients of every group by split, and the present findings; None without a group."""
    rows = []
    for name, column in table.groups():
        for value in np.unique(column.astype(str)):
            chosen = column == value
            images = [int((chosen & (table.splits == split)).sum()) for split in SPLITS]
            present = [int((table.labels[chosen][:, index] == 1).sum()) for index in range(table.labels.shape[1])]
            rows.append((f"{name}: {value}", patient_count(table.patients[chosen]), *images, *present))
    if not rows:
        return None
    columns = ("Group", "Patients", *(f"Images, {split}" for split in SPLITS), *table.task.labels.findings)
    return CheckTable(heading="Images by group", columns=columns, rows=tuple(rows), note="Findings: images with it.")


def check_quality(table: ImageTable) -> Iterator[Check]:
    """Yields images of one value, and images that are unlike the others in a measure."""
    flat = table.numbers(features.STANDARD_DEVIATION) == 0
    unlike = {name: far_out(table.numbers(name)) & ~flat for name in features.QUALITY}
    found = [f"{name}: rows {rows_text(table.rows[far])}" for name, far in unlike.items() if far.any()]
    blocking = table.task.data_policy.quality == "block"
    yield Check(
        name="images with something on them",
        passed=not flat.any(),
        blocking=blocking,
        summary=f"{int(flat.sum())} images are of one value: rows {rows_text(table.rows[flat])}"
        if flat.any()
        else "all",
        mend="look at the files; remove the rows",
    )
    yield Check(
        name="images like the others",
        passed=not found,
        blocking=blocking,
        summary="; ".join(found) or "no measure of an image lies far from the others'",
        mend="look at them: another modality, a test picture, an inverted or empty film? Remove what is not meant",
    )


def check_text(table: ImageTable) -> Iterator[Check]:
    """Yields images with text on them, where it was looked for."""
    scores = table.numbers(image_index.TEXT_SCORE)
    looked_for = ~np.isnan(scores)
    if not looked_for.any():
        return
    written = looked_for & (scores >= FEWEST_CHARACTERS)
    yield Check(
        name="no text on the pixels",
        passed=not written.any(),
        blocking=table.task.data_policy.burned_in_text == "block",
        summary=f"{int(written.sum())} of {int(looked_for.sum())} images: rows {rows_text(table.rows[written])}"
        if written.any()
        else f"none on {int(looked_for.sum())} images of modalities that write on their pictures",
        mend="text may name the patient, and a network may read it: use `radflow deidentify --option clean-pixels`, or "
        "leave the images out",
    )


def _fewest(table: ImageTable) -> Iterator[tuple[str, str, int]]:
    """Yields each known group with its least number of test patients with, or without, any of the findings."""
    test = table.splits == "test"
    for name, column in table.groups():
        for value in np.unique(column.astype(str)):
            if value != features.UNKNOWN:
                yield name, value, _least(table, test & (column == value))


def _least(table: ImageTable, chosen: NDArray[Any]) -> int:
    labels, patients = table.labels[chosen], table.patients[chosen]
    sides = [labels[:, index] == value for index in range(labels.shape[1]) for value in (0, 1)]
    return min(patient_count(patients[side]) for side in sides)
