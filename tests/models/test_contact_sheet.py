"""The contact sheet: images as they are in its first column, changed copies beside them, every label among its rows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.contact_sheet import _chosen, write_contact_sheet
from models.split_data import SplitData
from tests.models.splits import quarter_split
from tests.models.tasks import demo_task

SIDE, GAP = 112, 4


def _sheet(path: Path, split: SplitData, augmentation: dict[str, object]) -> np.ndarray:
    write_contact_sheet(path, split, demo_task(training={"augmentation": augmentation}))
    sheet = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert sheet.shape == (6 * (SIDE + GAP), 8 * (SIDE + GAP))
    cells = sheet.reshape(6, SIDE + GAP, 8, SIDE + GAP).transpose(0, 2, 1, 3)
    return cells[:, :, :SIDE, :SIDE]


def test_the_first_of_each_row_is_as_it_is_and_the_others_are_changed(tmp_path: Path) -> None:
    cells = _sheet(tmp_path / "sheet.png", quarter_split(1), {"rotation": 30, "noise": 0.1})
    assert all(not np.array_equal(row[0], copy) for row in cells for copy in row[1:])
    assert len({copy.tobytes() for row in cells for copy in row}) == 48


def test_without_augmentation_all_copies_are_the_image(tmp_path: Path) -> None:
    cells = _sheet(tmp_path / "sheet.png", quarter_split(1), {})
    assert all(np.array_equal(row[0], copy) for row in cells for copy in row)


def test_a_rare_label_has_its_row() -> None:
    split = quarter_split(1)
    labels = np.zeros(48, np.int64)
    labels[7], labels[30] = 1, 2
    chosen = _chosen(SplitData(split.images, labels, split.example_ids, split.patients), demo_task())
    assert {7, 30} <= set(chosen.tolist()) and len(set(chosen.tolist())) == 6


def test_a_split_of_few_images_has_few_rows(tmp_path: Path) -> None:
    split = quarter_split(1, count=2)
    write_contact_sheet(tmp_path / "sheet.png", split, demo_task())
    assert cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_UNCHANGED).shape[0] == 2 * (SIDE + GAP)
