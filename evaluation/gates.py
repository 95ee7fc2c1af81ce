"""Judges a task's gates: which were met, which were missed and by how much."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data_schemas.task import Gate, Labels
from evaluation.summary import Summary, task_metric

TOLERANCE = 1e-9
"""A difference of two floats that are equal in decimal may miss a bound by less than this; it is met."""

SliceKey = tuple[tuple[str, str], ...]
"""Slice feature and value, sorted by feature; empty is overall."""


class Comparison(enum.Enum):
    """Whether a candidate can be held against the champion."""

    COMPARED = "compared"
    NO_CHAMPION = "no champion"
    REFUSED = "refused"


@dataclass(frozen=True)
class Champion:
    """What is served now.

    Attributes:
        comparison: whether it was compared.
        reason: why not, in words.
        summary: its metrics on the candidate's own test split, where it was compared.
    """

    comparison: Comparison
    reason: str = ""
    summary: Summary | None = None


@dataclass(frozen=True)
class GateResult:
    """One judged gate.

    Attributes:
        name: the gate's name in the task.
        metric: one of `data_schemas.task.METRICS`.
        finding: what it is about, or None for the whole task.
        slice: values that narrow it to a group; empty is overall.
        kind: `min`, `max` or `max_drop`.
        bound: the number that the value was held against (for `max_drop` the champion's value less the drop), or None
            where there was nothing to hold it against.
        value: the candidate's, or None where it is not defined.
        passed: whether it was met.
        reason: the verdict in one sentence.
    """

    name: str
    metric: str
    finding: str | None
    slice: dict[str, str]
    kind: str
    bound: float | None
    value: float | None
    passed: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `GateResult(**value)` reads them back."""
        return asdict(self)


def judge_gates(
    gates: Sequence[Gate], labels: Labels, *, summaries: Mapping[SliceKey, Summary], champion: Champion
) -> list[GateResult]:
    """Returns every gate's verdict, in the task's order.

    Args:
        gates: the task's.
        labels: the task's.
        summaries: the candidate's metrics by slice; the empty key is overall.
        champion: what is served now.
    """
    return [_judge(gate, labels, summaries=summaries, champion=champion) for gate in gates]


def missed_text(results: Sequence[GateResult]) -> str:
    """Returns one line for each gate that was missed, for people; empty when all were met."""
    return "\n".join(f"gate {result.name!r} was missed: {result.reason}" for result in results if not result.passed)


def _judge(gate: Gate, labels: Labels, *, summaries: Mapping[SliceKey, Summary], champion: Champion) -> GateResult:
    summary = summaries.get(tuple(sorted(gate.slice.items())))
    name = gate.metric if gate.finding else task_metric(labels, gate.metric)
    value = None if summary is None else summary.value(gate.finding, name)
    said = f"{name} of {gate.finding}" if gate.finding else name
    if gate.slice:
        said += " where " + " and ".join(f"{feature} is {wanted}" for feature, wanted in gate.slice.items())
    if gate.max_drop is not None and champion.comparison is not Comparison.COMPARED:
        passed = champion.comparison is Comparison.NO_CHAMPION
        why = "no champion: not compared" if passed else f"not compared: {champion.reason}"
        return _result(gate, bound=None, value=value, passed=passed, reason=why)
    if summary is None:
        reason = f"{said}: no such case in the test split"
        return _result(gate, bound=_own_bound(gate), value=None, passed=False, reason=reason)
    if gate.max_drop is None:
        return _judge_value(gate, said=said, bound=_own_bound(gate), value=value)
    return _judge_drop(gate, said=said, name=name, value=value, champion=champion)


def _judge_drop(gate: Gate, *, said: str, name: str, value: float | None, champion: Champion) -> GateResult:
    before = None if champion.summary is None else champion.summary.value(gate.finding, name)
    if before is None or gate.max_drop is None:
        reason = f"{said}: the champion's value is not defined on the test split"
        return _result(gate, bound=None, value=value, passed=False, reason=reason)
    context = f" (the champion's is {before:.3f})"
    return _judge_value(gate, said=said, bound=before - gate.max_drop, value=value, context=context)


def _judge_value(gate: Gate, *, said: str, bound: float | None, value: float | None, context: str = "") -> GateResult:
    if value is None or bound is None:
        reason = f"{said} is not defined: the test split lacks positive or negative cases, or none was flagged"
        return _result(gate, bound=bound, value=value, passed=False, reason=reason)
    shortfall = value - bound if gate.max is not None else bound - value
    word = "at most" if gate.max is not None else "at least"
    passed = shortfall <= TOLERANCE
    reason = f"{said} is {value:.3f}, {word} {bound:.3f} was asked{context}"
    if not passed:
        reason += f": missed by {_distance(shortfall)}"
    return _result(gate, bound=bound, value=value, passed=passed, reason=reason)


def _distance(shortfall: float) -> str:
    return f"{shortfall:.3f}" if shortfall >= 0.0005 else f"{shortfall:.1e}"


def _own_bound(gate: Gate) -> float | None:
    return gate.min if gate.min is not None else gate.max


def _result(gate: Gate, *, bound: float | None, value: float | None, passed: bool, reason: str) -> GateResult:
    kind = next(kind for kind in ("min", "max", "max_drop") if getattr(gate, kind) is not None)
    return GateResult(
        name=gate.name,
        metric=gate.metric,
        finding=gate.finding,
        slice=dict(gate.slice),
        kind=kind,
        bound=bound,
        value=value,
        passed=passed,
        reason=reason,
    )
