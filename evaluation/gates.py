"""Judges a task's gates on the ends of intervals: which are met, which are not, and about which too little is known."""

from __future__ import annotations

import math
from dataclasses import replace

from data_schemas.gates import Gate
from data_schemas.metrics import LOWER_IS_BETTER, RANGES, metric_name
from data_schemas.task import Labels, Task
from evaluation.evaluation import Evaluation
from evaluation.gap_gates import judge_gap
from evaluation.gate_results import LOOKS_GATE, Champion, Comparison, GateResult
from evaluation.intervals import Estimate
from evaluation.summary import Summary, task_metric
from evaluation.verdicts import TOLERANCE, concluded, not_assessable, started, undecided


def judge_gates(task: Task, evaluation: Evaluation, champion: Champion) -> list[GateResult]:
    """Returns every gate's verdict, in the task's order, and one about looks where the task bounds them.

    Args:
        task: gives gates and labels.
        evaluation: what is known of the candidate.
        champion: what is served now.
    """
    results = [_judge(gate, task.labels, evaluation, champion) for gate in task.gates]
    return results if task.max_looks is None else [*results, _judge_looks(task.max_looks, evaluation.looks)]


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
        return judge_gap(gate, labels, evaluation)
    name = gate.metric if gate.finding else task_metric(labels, gate.metric)
    summary = evaluation.slices.get(tuple(sorted(gate.slice.items()))) if gate.slice else evaluation.overall
    start = started(gate)
    said = _said(gate, name)
    if gate.not_assessable is not None:
        return not_assessable(start, gate, contradicted=bool(gate.slice) and summary is not None)
    if summary is None:
        return undecided(start, f"{said}: no such case in the test split")
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
    notes = [difference.note] if difference.value is not None and difference.note else []
    notes += [] if before is None else [f"the champion's is {before:.3f}"]
    context = f" ({'; '.join(notes[::-1])})" if notes else ""
    result = _judge_estimate(start, gate, difference, f"{said} less the champion's", context=context)
    if result.verdict == "unmet" and _is_best(gate.metric, evaluation.overall.value(gate.finding, name)):
        return replace(
            result,
            verdict="met",
            passed=True,
            more_patients=None,
            reason=f"{said} has the best value that there is, so that no champion is ahead on these patients{context}",
        )
    return result


def _is_best(metric: str, value: float | None) -> bool:
    """Returns whether no model could be better on these patients: no gate asks for more than that of a difference."""
    best = RANGES[metric][0] if metric in LOWER_IS_BETTER else RANGES[metric][1]
    return value is not None and best is not None and abs(value - best) <= TOLERANCE


def _said(gate: Gate, name: str) -> str:
    said = f"{metric_name(name)} of {gate.finding}" if gate.finding else metric_name(name)
    if gate.slice:
        groups = (f"{feature.replace('_', ' ')} is {wanted}" for feature, wanted in gate.slice.items())
        said += f" where {' and '.join(groups)}"
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
        return undecided(start, f"{said}: {short}")
    if estimated.value is None or estimated.lower is None or estimated.upper is None:
        return undecided(start, f"{said} cannot be told: {estimated.note or 'nothing bounds it'}")
    lowest, highest = _bounds(gate)
    below = -math.inf if lowest is None else lowest - estimated.lower
    above = -math.inf if highest is None else estimated.upper - highest
    return concluded(start, estimated, said, shortfall=max(below, above), bounds=(lowest, highest), context=context)


def _bounds(gate: Gate) -> tuple[float | None, float | None]:
    """Returns what the interval must lie within."""
    if gate.max_drop is None:
        return gate.min, gate.max
    return (None, gate.max_drop) if gate.metric in LOWER_IS_BETTER else (-gate.max_drop, None)
