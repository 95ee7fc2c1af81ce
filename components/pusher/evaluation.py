"""What is written beside a pushed model of how good it was on the test split, for the people who will use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from components.evaluator.results import read_cases, read_evaluation, read_gates
from data_schemas import features
from data_schemas.description import ModelDescription
from data_schemas.served_evaluation import METRICS, ServedEstimate, ServedEvaluation, ServedFinding, ServedScores
from data_schemas.task import Task
from data_schemas.training_data import FEWEST, LEVELS
from evaluation.evaluation import Evaluation
from evaluation.gate_results import GateResult
from evaluation.judged import Records
from evaluation.summary import Summary


def served_evaluation(evaluation_uri: str, description: ModelDescription) -> ServedEvaluation:
    """Returns what the Evaluator left, as far as it is shown with a model's scores.

    Args:
        evaluation_uri: the Evaluator's `evaluation` artifact.
        description: what the model says of itself.
    """
    evaluation, gates = read_evaluation(evaluation_uri), read_gates(evaluation_uri)
    overall = evaluation.overall
    return ServedEvaluation(
        unit=description.task.unit,
        cases=overall.examples,
        patients=overall.patients,
        findings={name: _finding(overall, name, description) for name in description.task.labels.findings},
        not_assessable=tuple(not_assessable(evaluation, gates, description.task)),
        gates=tuple(_sentence(gate) for gate in gates),
        gates_passed=all(gate.passed for gate in gates),
        scores=_scores(read_cases(evaluation_uri), description),
    )


def _finding(overall: Summary, name: str, description: ModelDescription) -> ServedFinding:
    metrics = overall.findings[name]
    return ServedFinding(
        operating_point=description.operating_points[name],
        patients_with=overall.positives[name],
        patients_without=overall.negatives[name],
        metrics={metric: ServedEstimate(**metrics[metric].to_json()) for metric in METRICS},
    )


def _scores(records: Records, description: ModelDescription) -> dict[str, ServedScores]:
    """Returns how scores were distributed; no score of a few patients alone can be read from it."""
    names, found = description.task.labels.names, {}
    patients = len(np.unique(records.patients))
    for finding in description.task.labels.findings:
        scores = records.scores[:, names.index(finding)]
        quantiles = np.quantile(scores, LEVELS).tolist() if patients >= FEWEST else []
        flagged = float(np.mean(scores >= description.operating_points[finding]))
        found[finding] = ServedScores(patients=patients, quantiles=tuple(quantiles), flagged=flagged)
    return found


def _sentence(gate: GateResult) -> str:
    return f"{gate.name}: {gate.verdict.replace('_', ' ')}; {gate.reason}"


def not_assessable(evaluation: Evaluation, gates: Sequence[GateResult], task: Task) -> list[str]:
    """Returns for whom nobody knows how good the model is, and what the data cannot answer, a sentence each.

    Args:
        evaluation: of the test split.
        gates: verdicts.
        task: its slices by one feature are the groups that are looked at.
    """
    said = [f"{gate.name}: {gate.reason}" for gate in gates if gate.verdict == "not_assessable"]
    for (name,) in (names for names in task.slices if len(names) == 1):
        groups = {key[0][1]: one for key, one in evaluation.slices.items() if len(key) == 1 and key[0][0] == name}
        said += _of_attribute(name.replace("_", " "), groups, expected=tuple(_expected(name, task)))
    return said


def _of_attribute(name: str, groups: dict[str, Summary], *, expected: Sequence[str]) -> Iterator[str]:
    if groups.keys() <= {features.UNKNOWN}:
        yield f"{name}: not known of any test patient"
        return
    for value in expected:
        if value not in groups:
            yield f"{name} {value}: no test patient"
    for value, summary in groups.items():
        if all(_unsaid(metrics) for metrics in summary.findings.values()):
            yield f"{name} {value}: too few test patients to say anything ({summary.patients})"


def _unsaid(metrics: dict[str, Any]) -> bool:
    return all(metrics[name].value is None for name in ("auroc", "sensitivity", "specificity"))


def _expected(attribute: str, task: Task) -> Iterator[str]:
    """Yields the values that the task's patients may have."""
    if attribute == features.SEX:
        yield from ("F", "M")
    elif attribute == features.MODALITY:
        yield from task.modalities
    elif attribute == features.VIEW:
        yield from task.views
    elif attribute == features.AGE_GROUP:
        yield from _age_groups(task)


def _age_groups(task: Task) -> Iterator[str]:
    """Yields the task's age groups that have an age which the model is for; `imaging.ages.age_group` names them so."""
    youngest, oldest = task.decisions.age_range or (float("-inf"), float("inf"))
    for low, high in pairwise(task.age_groups):
        if youngest < high and oldest >= low:
            yield f"{low}-{high - 1}"
    if task.age_groups and oldest >= task.age_groups[-1]:
        yield f"{task.age_groups[-1]}+"
