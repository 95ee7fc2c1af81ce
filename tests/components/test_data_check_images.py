"""DataCheck's look at the images themselves: every check is seen to pass and to fire."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.data_check.checks import check_images
from components.data_check.former_run import data_id
from components.data_check.image_table import ImageTable
from data_schemas.features import SPLITS
from reports.data_check import Check, CheckTable
from tests.models.tasks import demo_task, multi_label_task

IMAGES = 400
LABELS = ("normal", "nodule", "cavity")


def _columns() -> dict[str, list[Any]]:
    """Returns sound data: a patient an image, labels apart from all else, about fifty test images of either sex."""
    rng = np.random.default_rng(1)
    patients = [f"p{n}" for n in range(IMAGES)]
    noise = rng.normal(0.5, 0.05, IMAGES)
    return {
        "manifest_row": list(range(1, IMAGES + 1)),
        "frame": [1] * IMAGES,
        "split": [SPLITS[n % 4] for n in range(IMAGES)],
        "patient": patients,
        "study": [f"s{n}" for n in range(IMAGES)],
        "example_id": [f"e{n}" for n in range(IMAGES)],
        "file_hash": [f"f{n}" for n in range(IMAGES)],
        "pixel_hash": [f"x{n}" for n in range(IMAGES)],
        "perceptual_hash": list(rng.integers(0, 2**63, IMAGES).astype(np.uint64)),
        "thumbnail": [row.tobytes() for row in rng.integers(0, 256, (IMAGES, 256)).astype(np.uint8)],
        "border": [list(row) for row in rng.random((IMAGES, 8))],
        "label": [LABELS[n] for n in rng.integers(0, 3, IMAGES)],
        "findings": [[]] * IMAGES,
        "sex": [("F", "M")[n] for n in rng.integers(0, 2, IMAGES)],
        "manufacturer": [("A", "B")[n] for n in rng.integers(0, 2, IMAGES)],
        "text_score": [None] * IMAGES,
        **dict.fromkeys(("age_group", "modality", "view", "site"), ["unknown"] * IMAGES),
        **dict.fromkeys(("photometric", "transfer_syntax"), [""] * IMAGES),
        **{name: list(noise) for name in ("mean", "standard_deviation", "sharpness")},
        **dict.fromkeys(("saturation", "border_share"), [0.0] * IMAGES),
        **dict.fromkeys(("source_rows", "source_columns", "bits_stored"), [512] * IMAGES),
    }


def _table(columns: dict[str, list[Any]], **task: Any) -> ImageTable:
    typed = {"perceptual_hash": pa.array(columns["perceptual_hash"], pa.uint64())}
    return ImageTable(pa.table({**columns, **typed}), task.get("task", demo_task()))


def _checks(changes: dict[str, dict[int, Any]], **task: Any) -> tuple[dict[str, Check], dict[str, CheckTable]]:
    """Returns the checks and tables of the sound data with some cells replaced."""
    columns = _columns()
    for name, cells in changes.items():
        for row, value in cells.items():
            columns[name][row - 1] = value
    checks, tables = check_images(_table(columns, **task))
    return {check.name: check for check in checks}, {table.heading: table for table in tables}


def test_sound_data_pass_every_check() -> None:
    checks, tables = _checks({})
    assert [check.name for check in checks.values() if not check.passed] == []
    assert {"shortcut: scanner", "shortcut: image border", "shortcut: header"} <= set(checks)
    assert "shortcut: site" not in checks  # nothing is known of it
    assert "Images that stand more than once" not in tables


def test_an_identical_file_in_another_split_stops_the_run() -> None:
    checks, tables = _checks({"file_hash": {6: "f0"}, "pixel_hash": {6: "x0"}})
    check = checks["duplicates across splits"]
    assert (check.passed, check.blocking) == (False, True)
    assert check.summary == "1 group of 2 images: rows 1, 6"
    (row,) = tables["Images that stand more than once"].rows
    assert row[:4] == ("identical files", "1, 6", "eval, train", 2)


def test_a_policy_to_warn_does_not_stop_the_run() -> None:
    task = demo_task(data_policy={"duplicates": "warn"})
    checks, _ = _checks({"pixel_hash": {6: "x0"}}, task=task)
    assert (checks["duplicates across splits"].passed, checks["duplicates across splits"].blocking) == (False, False)


def test_equal_pixels_in_other_files_are_told_from_identical_files() -> None:
    checks, tables = _checks({"pixel_hash": {5: "x0"}})
    assert checks["duplicates across splits"].passed and not checks["duplicates within a split"].passed
    assert tables["Images that stand more than once"].rows[0][:2] == ("identical pixels", "1, 5")


def test_images_that_look_alike_in_two_splits_are_said() -> None:
    columns = _columns()
    changes = {name: {2: columns[name][0]} for name in ("perceptual_hash", "thumbnail")}
    checks, tables = _checks(changes)
    assert (checks["look-alikes across splits"].passed, checks["look-alikes across splits"].blocking) == (False, False)
    assert tables["Images that stand more than once"].rows[0][:2] == ("look alike", "1-2")


def test_a_duplicate_with_another_label_is_a_conflict() -> None:
    columns = _columns()
    other = next(name for name in LABELS if name != columns["label"][0])
    checks, tables = _checks({"file_hash": {5: "f0"}, "pixel_hash": {5: "x0"}, "label": {5: other}})
    assert not checks["labels of duplicates"].passed
    assert tables["Images that stand more than once"].rows[0][-1] == "differ"


def test_a_patient_with_two_labels_is_said() -> None:
    checks, _ = _checks({"patient": {5: "p0"}, "label": {1: "nodule", 5: "cavity"}})
    assert checks["labels of a patient"].summary == "1 patient has images with different labels: rows 1, 5"


STUDIES = {"patient": {2: "p0", 5: "p0", 6: "p0"}, "study": {2: "s0", 5: "s0", 6: "other"}}
"""Rows 1, 2 and 5 are of one study, and row 6 of another of the same patient."""


def test_a_study_with_two_findings_is_named_where_studies_are_judged() -> None:
    labels = {1: "nodule", 2: "normal", 5: "cavity", 6: "nodule"}
    check = _checks(STUDIES | {"label": labels}, task=demo_task(unit="study"))[0]["labels of a study"]
    assert (check.passed, check.blocking) == (False, False)
    assert check.summary.endswith("no label says two findings: 1 group of 3 images: rows 1-2, 5")
    assert "labels of a study" not in _checks(STUDIES | {"label": labels})[0]


def test_one_finding_beside_images_without_is_no_conflict_of_a_study() -> None:
    labels = {1: "nodule", 2: "normal", 5: "normal", 6: "cavity"}
    policy = {"label_conflicts": "block"}
    check = _checks(STUDIES | {"label": labels}, task=demo_task(unit="study", data_policy=policy))[0]
    assert (check["labels of a study"].passed, check["labels of a patient"].passed) == (True, False)
    assert check["labels of a study"].blocking


def test_a_small_group_is_named() -> None:
    checks, _ = _checks({"sex": {4: "O"}})
    assert "sex O" in checks["groups large enough to evaluate"].summary
    assert not checks["groups large enough to evaluate"].passed


def test_groups_are_counted_by_split_and_finding() -> None:
    columns = _columns()
    _, tables = _checks({})
    rows = {row[0]: row for row in tables["Images by group"].rows}
    women = [n for n in range(IMAGES) if columns["sex"][n] == "F"]
    assert rows["sex: F"][1] == len(women)
    assert rows["sex: F"][2] == sum(n % 4 == 0 for n in women)
    assert rows["sex: F"][-2] == sum(columns["label"][n] == "nodule" for n in women)


def test_an_image_of_one_value_and_one_unlike_all_others_are_named() -> None:
    checks, _ = _checks({"standard_deviation": {7: 0.0}, "sharpness": {9: 5.0}})
    assert checks["images with something on them"].summary.endswith("rows 7")
    assert checks["images like the others"].summary == "sharpness: rows 9"


def test_text_on_the_pixels_is_said_where_it_was_looked_for() -> None:
    assert "no text on the pixels" not in _checks({})[0]
    quiet, _ = _checks({"text_score": {3: 0.0}})
    assert quiet["no text on the pixels"].passed
    task = demo_task(data_policy={"burned_in_text": "block"})
    checks, _ = _checks({"text_score": {3: 0.0, 9: 11.0}}, task=task)
    check = checks["no text on the pixels"]
    assert (check.passed, check.blocking, check.summary) == (False, True, "1 of 2 images: rows 9")


def test_a_planted_scanner_is_a_shortcut() -> None:
    scanner = {row: "A" if label == "nodule" else "B" for row, label in enumerate(_columns()["label"], 1)}
    checks, tables = _checks({"manufacturer": scanner})
    assert not checks["shortcut: scanner"].passed and "a shortcut" in checks["shortcut: scanner"].summary
    assert not checks["shortcut: header"].passed  # the scanner is part of it
    assert ("scanner", "nodule") in {row[:2] for row in tables["Shortcut probes"].rows}


def test_findings_of_a_multi_label_task_are_read() -> None:
    findings = np.random.default_rng(4).integers(-1, 2, (IMAGES, 2)).tolist()
    columns = _columns() | {"findings": findings}
    table = _table(columns, task=multi_label_task())
    assert table.labels.tolist() == findings
    checks, _ = check_images(table)
    assert {"shortcut: scanner"} <= {check.name for check in checks}


def test_no_image_has_no_check() -> None:
    empty = pa.table({name: pa.array([], pa.string()) for name in _columns()})
    assert check_images(ImageTable(empty, demo_task())) == ([], [])


@pytest.mark.parametrize("column", ["label", "split", "example_id"])
def test_data_have_another_id_when_a_label_or_a_split_or_an_image_changes(column: str) -> None:
    columns = _columns()
    changed = columns | {column: ["other", *columns[column][1:]]}
    assert data_id(_table(columns)) == data_id(_table(_columns())) != data_id(_table(changed))
