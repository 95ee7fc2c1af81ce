"""Counts of images and patients by group and split, from the image index."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa

from data_schemas import features, image_index
from data_schemas.task import Task
from reports.report_data import GroupCount

_ATTRIBUTES = (features.SEX, features.AGE_GROUP, features.MANUFACTURER, features.MODALITY, features.SITE, features.VIEW)


def group_counts(index: pa.Table, task: Task) -> list[GroupCount]:
    """Returns how many images and patients each split has of each value, attributes in a fixed order.

    Args:
        index: `components.image_index.read_index`'s.
        task: its extra columns are counted too.
    """
    splits, patients = index[image_index.SPLIT].to_pylist(), index[features.PATIENT].to_pylist()
    counted: list[GroupCount] = []
    for name in (*_ATTRIBUTES, *task.extra_columns):
        column = features.slice_feature(name)
        if column in index.column_names:
            values = [value or features.UNKNOWN for value in index[column].to_pylist()]
            counted += _counts(name, values, splits, patients)
    return counted


def _counts(feature: str, values: list[Any], splits: list[str], patients: list[str]) -> list[GroupCount]:
    images: dict[tuple[str, str], int] = defaultdict(int)
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    for value, split, patient in zip(values, splits, patients, strict=True):
        images[value, split] += 1
        people[value, split].add(patient)
    return [
        GroupCount(feature, value, split, count, len(people[value, split]))
        for (value, split), count in sorted(images.items())
    ]
