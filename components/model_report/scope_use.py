"""Asks the exported model whether test images are what it was made for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reports.report_data import ScopeUse

MOST_IMAGES = 1000
"""A share of so many is known to within 3 in 100; asking about all would take as long as judging them."""
_BATCH = 32
_CHECKS = ("modality", "view", "age")

Signature = Callable[[Sequence[bytes]], Mapping[str, Any]]
"""From serialized examples to outputs, arrays whose first dimension is that of the examples."""


def scope_use(score: Signature, records: Iterable[bytes], *, most: int = MOST_IMAGES) -> ScopeUse:
    """Returns how many of a split's first images the model says are out of scope.

    Args:
        score: the model's `serving_default`.
        records: serialized examples, in the order of the ingest, which follows no label.
        most: images to ask about.
    """
    flagged, images, total = 0, 0, 0
    checks: dict[str, Counter[str]] = {name: Counter() for name in _CHECKS}
    batch: list[bytes] = []
    for record in records:
        total += 1
        if total <= most:
            batch.append(record)
        if len(batch) == _BATCH:
            flagged += _asked(score, batch, checks)
            images, batch = images + len(batch), []
    if batch:
        flagged += _asked(score, batch, checks)
        images += len(batch)
    return ScopeUse(images, total, flagged, {name: dict(answers) for name, answers in checks.items()})


def _asked(score: Signature, batch: Sequence[bytes], checks: Mapping[str, Counter[str]]) -> int:
    outputs = score(batch)
    for name, answers in checks.items():
        answers.update(value.decode() for value in np.asarray(outputs[f"{name}_check"]).ravel().tolist())
    return int(np.asarray(outputs["out_of_scope"]).sum())
