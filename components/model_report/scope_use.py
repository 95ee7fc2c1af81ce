"""Asks the exported model whether test images are what it was made for."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.model_report.records import example_id
from reports.report_data import ScopeUse

MOST_IMAGES = 500
"""A share of so many is known to within 5 in 100; asking about all would take as long as judging them."""
_BATCH = 32
_CHECKS = ("modality", "view", "age")

Signature = Callable[[Sequence[bytes]], Mapping[str, Any]]
"""From serialized examples to outputs, arrays whose first dimension is that of the examples."""


def scope_use(score: Signature, records: Iterable[bytes], *, most: int = MOST_IMAGES) -> ScopeUse:
    """Returns how many of a split's images the model says are out of scope.

    Of more images than `most`, those are asked about whose keyed hash is lowest: as good as chance, where the order of
    a manifest often follows the label, and the same ones in every run.

    Args:
        score: the model's `serving_default`.
        records: serialized examples.
        most: images to ask about.
    """
    counted = _Counted(records)
    asked = heapq.nsmallest(most, counted, key=example_id)
    flagged = 0
    checks: dict[str, Counter[str]] = {name: Counter() for name in _CHECKS}
    for start in range(0, len(asked), _BATCH):
        outputs = score(asked[start : start + _BATCH])
        flagged += int(np.asarray(outputs["out_of_scope"]).sum())
        for name, answers in checks.items():
            answers.update(value.decode() for value in np.asarray(outputs[f"{name}_check"]).ravel().tolist())
    return ScopeUse(len(asked), counted.count, flagged, {name: dict(answers) for name, answers in checks.items()})


class _Counted:
    """Records, counted as they pass, since they do not fit the memory."""

    def __init__(self, records: Iterable[bytes]) -> None:
        self._records = records
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for record in self._records:
            self.count += 1
            yield record
