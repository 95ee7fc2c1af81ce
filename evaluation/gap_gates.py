"""Judges the gates on gaps between groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from data_schemas.gates import Gate
from data_schemas.metrics import metric_name
from data_schemas.task import Labels
from evaluation.evaluation import Evaluation
from evaluation.fairness import WHOLE_TASK, Gap
from evaluation.gate_results import GateResult
from evaluation.verdicts import concluded, not_assessable, started, undecided

_MEASURES = {"sensitivity": "false_negative_rate", "specificity": "false_positive_rate"}
"""A gap in sensitivity is the gap in false-negative rate, and so on; other names are the same."""


def judge_gap(gate: Gate, labels: Labels, evaluation: Evaluation) -> GateResult:
    """Returns the verdict on the largest difference between groups, of every finding where the gate names none."""
    gaps, small = evaluation.fairness.gaps, evaluation.fairness.too_small.get(gate.gap or "", {})
    own = [gap for gap in gaps if gap.attribute == gate.gap]
    start = started(gate)
    if gate.not_assessable is not None:
        return not_assessable(start, gate, contradicted=bool(own))
    findings = [gate.finding] if gate.finding else list(labels.findings)
    if gate.metric == "underdiagnosis_rate":
        findings = [WHOLE_TASK]
    measure = _MEASURES.get(gate.metric, gate.metric)
    judged = [gap for gap in own if gap.metric == measure and gap.finding in findings]
    if len(judged) < len(findings):
        few = ", ".join(f"{group}: {count} patients" for group, count in small.items())
        reason = f"no two groups of {_attribute(gate)} have enough patients" + (f" ({few})" if few else "")
        return undecided(start, reason)
    results = [_judge_one_gap(start, gate, gap, small) for gap in judged]
    order = {"unmet": 0, "undecided": 1, "met": 2}
    return min(results, key=lambda result: order[result.verdict])


def _judge_one_gap(start: GateResult, gate: Gate, gap: Gap, small: Mapping[str, int]) -> GateResult:
    said = f"gap in {metric_name(gate.metric)} of {gap.finding} by {_attribute(gate)}"
    start = replace(start, value=gap.gap.value)
    counts = {group: one.patients or 0 for group, one in gap.groups.items()} | dict(small)
    enough = {group for group, count in counts.items() if count >= gate.min_patients}
    within = [one.value for group, one in gap.groups.items() if group in enough and one.value is not None]
    short = ", ".join(f"{group} {count}" for group, count in sorted(counts.items()) if group not in enough)
    few = f"{said}: too few patients to judge ({short}), at least {gate.min_patients} a group are needed"
    if short and (len(within) < 2 or max(within) - min(within) <= (gate.max or 0.0)):
        return undecided(start, few)
    result = concluded(
        start, gap.gap, said, shortfall=(gap.gap.upper or 0.0) - (gate.max or 0.0), bounds=(None, gate.max)
    )
    reason = result.reason.replace("upper 95 % limit", "one-sided 95 % limit")
    if result.verdict == "unmet" and gap.worst is not None:
        reason += f"; the worst group is {gap.worst}"
    return replace(result, reason=reason)


def _attribute(gate: Gate) -> str:
    return (gate.gap or "").replace("_", " ")
