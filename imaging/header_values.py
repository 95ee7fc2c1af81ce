"""Numbers and functional groups of a header that may be malformed: what is wrong counts as missing."""

from __future__ import annotations

from pydicom.dataset import Dataset

from imaging.dicom_file import value

_LARGEST = 1e9
"""A slope, window, spacing or edge beyond this, or one that is not a number, is a broken header."""


def functional_group(dataset: Dataset, index: int, keyword: str) -> Dataset:
    """Returns the item of a functional group macro (PS3.3, C.7.6.16.2).

    Args:
        dataset: enhanced multi-frame, or classic, which has none.
        index: the frame, from 0.
        keyword: of the macro's sequence.

    Returns:
        The frame's own item, else the one that all frames share, else the dataset itself.
    """
    per_frame = value(dataset, "PerFrameFunctionalGroupsSequence") or []
    shared = value(dataset, "SharedFunctionalGroupsSequence") or []
    for group in [*list(per_frame)[index : index + 1], *list(shared)[:1]]:
        items = value(group, keyword)
        if items:
            item: Dataset = items[0]
            return item
    return dataset


def numbers(dataset: Dataset, keyword: str) -> list[float | None]:
    """Returns an element's values, each as a number of sensible size or None; empty where the element is missing."""
    found = value(dataset, keyword)
    if found is None:
        return []
    return [_number(one) for one in ([found] if isinstance(found, str | int | float) else found)]


def number(dataset: Dataset, keyword: str) -> float | None:
    """Returns an element's first value as a number of sensible size, or None."""
    return next(iter(numbers(dataset, keyword)), None)


def _number(found: object) -> float | None:
    try:
        converted = float(found)  # type: ignore[arg-type]  # what cannot be converted is caught
    except (TypeError, ValueError, OverflowError):
        return None
    return converted if abs(converted) <= _LARGEST else None
