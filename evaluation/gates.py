"""Judges a task's gates on the ends of intervals: which are met, which are not, and about which too little is known."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from data_schemas.gates import Gate
from data_schemas.metrics import LOWER_IS_BETTER
from data_schemas.task import Labels, Task
from evaluation.evaluation import Evaluation
from evaluation.fairness import WHOLE_TASK, Gap
from evaluation.intervals import Estimate
from evaluation.summary import Summary, task_metric

TOLERANCE = 1e-9
"""A difference of two floats that are equal in decimal may miss a bound by less than this; it is met."""

Verdict = Literal["met", "unmet", "undecided", "not_assessable", "not_compared"]
Kind = Literal["min", "max", "range", "max_drop"]

LOOKS_GATE = "looks at the test split"
"""What a verdict about `max_looks` is called."""

_MEASURES = {"sensitivity": "false_negative_rate", "specificity": "false_positive_rate"}
"""A gap in sensitivity is the gap in false-negative rate, and so on; other names are the same."""


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


def judge_gates(task: Task, evaluation: Evaluation, champion: Champion) -> list[GateResult]:
    """Returns every gate's verdict, in the task's order, and one about looks where the task bounds them.

    Args:
        task: gives gates and labels.
        evaluation: what is known of the candidate.
        champion: what is served now.
    """
    results = [_judge(gate, task.labels, evaluation, champion) for gate in task.gates]
    return results if task.max_looks is None else [*results, _judge_looks(task.max_looks, evaluation.looks)]


def missed_text(results: Sequence[GateResult]) -> str:
    """Returns one line for each gate that refuses the model, for people; empty when none does."""
    return "\n".join(f"gate {one.name!r} is {one.verdict}: {one.reason}" for one in results if not one.passed)


def _judge_looks(most: int, looks: int) -> GateResult:
    met = looks < most
    reason = f"this is look {looks + 1} at this test split, at most {most} were allowed"
    return GateResult(
        name=LOOKS_GATE,
        metric="looks",
        kind="max",
        bound=float(most),
        value=float(looks + 1),
        judged=float(looks + 1),
        verdict="met" if met else "unmet",
        passed=met,
        reason=reason if met else f"{reason}: judge on patients that no model was judged on",
    )


def _judge(gate: Gate, labels: Labels, evaluation: Evaluation, champion: Champion) -> GateResult:
    if gate.gap is not None:
        return _judge_gap(gate, labels, evaluation)
    name = gate.metric if gate.finding else task_metric(labels, gate.metric)
    summary = evaluation.slices.get(tuple(sorted(gate.slice.items()))) if gate.slice else evaluation.overall
    start = _started(gate)
    said = _said(gate, name)
    if gate.not_assessable is not None:
        return _not_assessable(start, gate, contradicted=bool(gate.slice) and summary is not None)
    if summary is None:
        return _undecided(start, f"{said}: no such case in the test split")
    positives, negatives = _counts(gate, labels, summary)
    start = replace(start, positives=positives, negatives=negatives)
    if gate.max_drop is None:
        return _judge_estimate(start, gate, summary.estimate(gate.finding, name), said)
    return _judge_drop(start, gate, name, said, evaluation=evaluation, champion=champion)


def _judge_drop(
    start: GateResult, gate: Gate, name: str, said: str, *, evaluation: Evaluation, champion: Champion
) -> GateResult:
    """Returns the verdict on the paired difference; a champion that cannot be compared with misses the gate."""
    if champion.comparison is not Comparison.COMPARED or evaluation.differences is None:
        start = replace(start, value=evaluation.overall.value(gate.finding, name))
        if champion.comparison is Comparison.NO_CHAMPION:
            return replace(
                start, verdict="not_compared", passed=True, reason="nothing is served yet: there is no champion"
            )
        return replace(start, reason=f"not compared: {champion.reason}")
    difference = evaluation.differences[gate.finding, name]
    before = None if evaluation.champion is None else evaluation.champion.value(gate.finding, name)
    context = "" if before is None else f" (the champion's is {before:.3f})"
    return _judge_estimate(start, gate, difference, f"{said} less the champion's", context=context)


def _started(gate: Gate) -> GateResult:
    kind: Kind = "max_drop" if gate.max_drop is not None else "max" if gate.min is None else "min"
    bound: float | tuple[float, float] | None = next(
        (value for value in (gate.max_drop, gate.min, gate.max) if value is not None), None
    )
    if gate.min is not None and gate.max is not None:
        kind, bound = "range", (gate.min, gate.max)
    return GateResult(
        name=gate.name,
        metric=gate.metric,
        finding=gate.finding,
        slice=dict(gate.slice),
        gap=gate.gap,
        kind=kind,
        bound=bound,
        undecided=gate.when_undecided,
    )


def _said(gate: Gate, name: str) -> str:
    said = f"{name} of {gate.finding}" if gate.finding else name
    if gate.slice:
        said += " where " + " and ".join(f"{feature} is {wanted}" for feature, wanted in gate.slice.items())
    return said


def _counts(gate: Gate, labels: Labels, summary: Summary) -> tuple[int, int]:
    """Returns patients with and without the finding, of the rarest where the gate is about several."""
    findings = [gate.finding] if gate.finding else list(labels.findings)
    positives = min(summary.positives[finding] for finding in findings)
    return positives, min(summary.negatives[finding] for finding in findings)


def _too_few(gate: Gate, result: GateResult) -> str:
    """Returns which patients are too few, empty where none are; a sensitivity needs none without the finding."""
    sides = {"with": result.positives, "without": result.negatives}
    if gate.metric in ("sensitivity", "underdiagnosis_rate"):
        del sides["without"]
    if gate.metric == "specificity":
        del sides["with"]
    what = gate.finding or "a finding"
    short = [f"{count} patients {side} {what}" for side, count in sides.items() if (count or 0) < gate.min_patients]
    return f"{' and '.join(short)}, at least {gate.min_patients} are needed" if short else ""


def _judge_estimate(start: GateResult, gate: Gate, estimated: Estimate, said: str, *, context: str = "") -> GateResult:
    """Returns the verdict on an estimate whose unfavourable end is held against the gate's bounds."""
    start = replace(start, value=estimated.value)
    short = _too_few(gate, start)
    if short:
        return _undecided(start, f"{said}: {short}")
    if estimated.value is None or estimated.lower is None or estimated.upper is None:
        return _undecided(start, f"{said} cannot be told: {estimated.note or 'nothing bounds it'}")
    lowest, highest = _bounds(gate)
    below = -math.inf if lowest is None else lowest - estimated.lower
    above = -math.inf if highest is None else estimated.upper - highest
    return _concluded(start, estimated, said, shortfall=max(below, above), bounds=(lowest, highest), context=context)


def _bounds(gate: Gate) -> tuple[float | None, float | None]:
    """Returns what the interval must lie within."""
    if gate.max_drop is None:
        return gate.min, gate.max
    return (None, gate.max_drop) if gate.metric in LOWER_IS_BETTER else (-gate.max_drop, None)


def _concluded(
    start: GateResult,
    estimated: Estimate,
    said: str,
    *,
    shortfall: float,
    bounds: tuple[float | None, float | None],
    context: str = "",
) -> GateResult:
    lower, upper, value = estimated.lower or 0.0, estimated.upper or 0.0, estimated.value or 0.0
    lowest, highest = bounds
    ends = {"lower": (lower, lowest, "at least"), "upper": (upper, highest, "at most")}
    asked = [(name, end, bound, word) for name, (end, bound, word) in ends.items() if bound is not None]
    judged = (lower, upper) if len(asked) == 2 else asked[0][1]
    parts = [f"{name} 95 % limit {_number(end)}, {word} {_number(bound)} was asked" for name, end, bound, word in asked]
    reason = f"{said} is {_number(value)}{context}; its {' and its '.join(parts)}"
    met = shortfall <= TOLERANCE
    if met:
        return replace(start, judged=judged, verdict="met", passed=True, reason=reason)
    more = _more_patients(estimated, bounds)
    settle = (
        f"about {more} more patients in the test split would settle it, if the value stays"
        if more is not None
        else "more patients would not help, unless the value itself gets better"
    )
    reason = f"{reason}: missed by {_distance(shortfall)}; {settle}"
    return replace(start, judged=judged, verdict="unmet", passed=False, more_patients=more, reason=reason)


def _more_patients(estimated: Estimate, bounds: tuple[float | None, float | None]) -> int | None:
    """Returns how many more patients bring the interval inside the bounds: its width falls with their root."""
    value, patients = estimated.value, estimated.patients
    if value is None or estimated.lower is None or estimated.upper is None or not patients:
        return None
    needed = 0.0
    for end, bound, sign in ((estimated.lower, bounds[0], 1.0), (estimated.upper, bounds[1], -1.0)):
        if bound is None:
            continue
        room = sign * (value - bound)
        if room <= TOLERANCE:
            return None
        needed = max(needed, patients * (abs(value - end) / room) ** 2)
    return max(1, math.ceil(needed - patients))


def _judge_gap(gate: Gate, labels: Labels, evaluation: Evaluation) -> GateResult:
    """Returns the verdict on the largest difference between groups, of every finding where the gate names none."""
    gaps, small = evaluation.fairness.gaps, evaluation.fairness.too_small.get(gate.gap or "", {})
    own = [gap for gap in gaps if gap.attribute == gate.gap]
    start = _started(gate)
    if gate.not_assessable is not None:
        return _not_assessable(start, gate, contradicted=bool(own))
    findings = [gate.finding] if gate.finding else list(labels.findings)
    if gate.metric == "underdiagnosis_rate":
        findings = [WHOLE_TASK]
    measure = _MEASURES.get(gate.metric, gate.metric)
    judged = [gap for gap in own if gap.metric == measure and gap.finding in findings]
    if len(judged) < len(findings):
        few = ", ".join(f"{group}: {count} patients" for group, count in small.items())
        reason = f"no two groups of {gate.gap} have enough patients" + (f" ({few})" if few else "")
        return _undecided(start, reason)
    results = [_judge_one_gap(start, gate, gap, small) for gap in judged]
    order = {"unmet": 0, "undecided": 1, "met": 2}
    return min(results, key=lambda result: order[result.verdict])


def _judge_one_gap(start: GateResult, gate: Gate, gap: Gap, small: Mapping[str, int]) -> GateResult:
    said = f"gap in {gate.metric} of {gap.finding} by {gate.gap}"
    start = replace(start, value=gap.gap.value)
    counts = {group: one.patients or 0 for group, one in gap.groups.items()} | dict(small)
    enough = {group for group, count in counts.items() if count >= gate.min_patients}
    within = [one.value for group, one in gap.groups.items() if group in enough and one.value is not None]
    short = ", ".join(f"{group} {count}" for group, count in sorted(counts.items()) if group not in enough)
    few = f"{said}: too few patients to judge ({short}), at least {gate.min_patients} a group are needed"
    if short and (len(within) < 2 or max(within) - min(within) <= (gate.max or 0.0)):
        return _undecided(start, few)
    result = _concluded(
        start, gap.gap, said, shortfall=(gap.gap.upper or 0.0) - (gate.max or 0.0), bounds=(None, gate.max)
    )
    reason = result.reason.replace("upper 95 % limit", "one-sided 95 % limit")
    if result.verdict == "unmet" and gap.worst is not None:
        reason += f"; the worst group is {gap.worst}"
    return replace(result, reason=reason)


def _not_assessable(start: GateResult, gate: Gate, *, contradicted: bool) -> GateResult:
    """Returns that nothing is judged; but not where the data does have what it is said to lack."""
    if contradicted:
        reason = (
            "declared not assessable, but the data has the attribute: remove `not_assessable`, so that it is judged"
        )
        return replace(start, verdict="unmet", reason=reason)
    return replace(start, verdict="not_assessable", passed=True, reason=gate.not_assessable or "")


def _undecided(start: GateResult, reason: str) -> GateResult:
    return replace(start, verdict="undecided", passed=start.undecided == "report", reason=reason)


def _number(value: float) -> str:
    return f"{value:.3f}"


def _distance(shortfall: float) -> str:
    return f"{shortfall:.3f}" if shortfall >= 0.0005 else f"{shortfall:.1e}"
