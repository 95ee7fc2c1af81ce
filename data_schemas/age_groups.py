"""Names of age groups: what `imaging.ages.age_group` puts an age into, and what slices and gates call a group."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def age_group_names(bounds: Sequence[int]) -> tuple[str, ...]:
    """Returns the names of the age groups that rising lower bounds (years) make, e.g. `0-17`, `18-39`, `40+`."""
    closed = tuple(f"{low}-{high - 1}" for low, high in itertools.pairwise(bounds))
    return (*closed, f"{bounds[-1]}+") if bounds else ()
