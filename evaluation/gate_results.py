"""What is said of a gate, and of the model that is served."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["met", "unmet", "undecided", "not_assessable", "not_compared"]
Kind = Literal["min", "max", "range", "max_drop"]

LOOKS_GATE = "looks at the test split"
"""What a verdict about `max_looks` is called."""


class Comparison(enum.Enum):
    """Whether a candidate can be held against the champion."""

    COMPARED = "compared"
    NO_CHAMPION = "no champion"
    REFUSED = "refused"


@dataclass(frozen=True)
class Champion:
    """What is served now: whether it was compared, and if not, why."""

    comparison: Comparison
    reason: str = ""


@dataclass(frozen=True)
class GateResult:
    """One judged gate.

    Attributes:
        name: the gate's name in the task.
        metric: what was measured.
        finding: what it is about, or None for the whole task.
        slice: values that narrow it to a group; empty is overall.
        gap: the attribute whose groups are compared, or None.
        kind: which bounds it has.
        bound: what was asked: a number, two for `range`.
        value: the candidate's, or None where it is not defined.
        judged: the end of the interval that was held against the bound; both ends for `range`.
        verdict: `undecided` where there are too few patients, or the value cannot be told; `not_compared` where nothing
            is served yet.
        undecided: what an undecided verdict does.
        passed: whether the push may go on.
        positives, negatives: patients with and without the finding, of the rarest that the gate is about.
        more_patients: about how many more test patients would settle an unmet gate; None where more would not.
        reason: the verdict in one sentence.
    """

    name: str
    metric: str
    finding: str | None = None
    slice: Mapping[str, str] = field(default_factory=dict)
    gap: str | None = None
    kind: Kind = "min"
    bound: float | tuple[float, float] | None = None
    value: float | None = None
    judged: float | tuple[float, float] | None = None
    verdict: Verdict = "unmet"
    undecided: Literal["refuse", "report"] = "refuse"
    passed: bool = False
    positives: int | None = None
    negatives: int | None = None
    more_patients: int | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> GateResult:
        """Returns the result that `to_json` gave."""
        pairs = {name: tuple(value[name]) for name in ("bound", "judged") if isinstance(value[name], list)}
        return cls(**{**value, **pairs})


def missed_text(results: Sequence[GateResult]) -> str:
    """Returns one line for each gate that refuses the model, for people; empty when none does."""
    return "\n".join(f"gate {one.name!r} is {one.verdict}: {one.reason}" for one in results if not one.passed)
