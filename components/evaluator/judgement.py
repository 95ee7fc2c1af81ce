"""The TFMA metric that judges: on all of a split's cases at once it makes the evaluation and every gate's verdict.

TFMA's thresholds compare one value of one slice with one number. What is demanded here are ends of intervals over
patients, gaps between groups and paired differences of two models; so each gate is a metric that is 0, or 1 where the
gate refuses the model, with an ordinary threshold of 0. TFMA's viewers show them, and TFMA's verdict is the blessing.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluator.records import Case, GatheringCombiner
from data_schemas.description import ModelDescription
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from evaluation.differences import Judged
from evaluation.evaluation import Evaluation, evaluate
from evaluation.gate_results import LOOKS_GATE, Champion, Comparison
from evaluation.gates import judge_gates
from evaluation.judged import Records, judged_cases

JUDGEMENT = "judgement"
"""Name of the metric that holds evaluation and verdicts, as JSON text."""
CASES = "cases"
"""Name of the metric that holds the cases, as a base64 `.npz`."""
_REFUSES = "refuses: "


def refusal(gate: str) -> str:
    """Returns the name of the metric that is 1 where a gate refuses the model, else 0."""
    return f"{_REFUSES}{gate}"


def judged_gates(task: Task) -> list[str]:
    """Returns the names of a task's gates, and of the one about looks where it has one."""
    return [gate.name for gate in task.gates] + ([LOOKS_GATE] if task.max_looks is not None else [])


@dataclass(frozen=True)
class Judgement:
    """What the judge must know beside the cases; plain values, since TFMA keeps them in its configuration.

    Attributes:
        task: what is demanded, as JSON.
        descriptions: what each model says of itself, as JSON, by TFMA's model name; candidate first.
        comparison, reason: whether the champion was compared, and if not, why.
        records: how many records the whole split has: a slice has fewer, and is not judged.
        looks: earlier looks at the split.
    """

    task: str
    descriptions: dict[str, str]
    comparison: str
    reason: str
    records: int
    looks: int

    @property
    def models(self) -> dict[str, ModelDescription]:
        """Descriptions by model name."""
        return {name: ModelDescription.model_validate_json(text) for name, text in self.descriptions.items()}


class JudgementMetric(tfma.metrics.Metric):
    """`JUDGEMENT`, `CASES`, or the refusal of a gate.

    Args:
        name: which of them.
        judgement: the fields of a `Judgement`.
    """

    def __init__(self, name: str, judgement: Mapping[str, Any]) -> None:
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name, judgement=judgement)


def _computations(
    name: str, judgement: Mapping[str, Any], model_name: str = "", eval_config: Any = None
) -> metric_types.MetricComputations:
    """Returns one computation for all names; TFMA drops its copies, since their keys are the same."""
    del name
    combiner = JudgementCombiner(Judgement(**judgement), model_name, eval_config)
    return [combiner.computation()]


class JudgementCombiner(GatheringCombiner):
    """Gathers every case of a split, with both models' scores, and judges at the end.

    A case is some hundred bytes, so a million of them fit in memory.
    """

    def __init__(self, judgement: Judgement, model_name: str, eval_config: Any) -> None:
        self._judgement, self._model_name = judgement, model_name
        self._task = task_from_json(judgement.task)
        super().__init__(self._task, list(judgement.descriptions), eval_config)

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        """Every key that `extract_output` fills."""
        names = [JUDGEMENT, CASES, *map(refusal, judged_gates(self._task))]
        return [self._key(name) for name in names]

    def extract_output(self, accumulator: list[Case]) -> dict[metric_types.MetricKey, Any]:
        """Returns the verdicts; for a slice, which has none, nan, since TFMA misses what is not there."""
        if len(accumulator) != self._judgement.records:
            return {self._key(refusal(name)): math.nan for name in judged_gates(self._task)}
        records = [self.records(accumulator, at) for at in range(len(self._judgement.descriptions))]
        evaluation = self._evaluation(records)
        champion = Champion(Comparison(self._judgement.comparison), self._judgement.reason)
        gates = judge_gates(self._task, evaluation, champion)
        text = json.dumps({"evaluation": evaluation.to_json(), "gates": [gate.to_json() for gate in gates]})
        found: dict[metric_types.MetricKey, Any] = {
            self._key(JUDGEMENT): text,
            self._key(CASES): _packed(records[0]),
        }
        return found | {self._key(refusal(gate.name)): float(not gate.passed) for gate in gates}

    def _evaluation(self, records: list[Records]) -> Evaluation:
        judged = [
            Judged(judged_cases(own, description), description.operating_points)
            for own, description in zip(records, self._judgement.models.values(), strict=True)
        ]
        return evaluate(
            judged[0],
            self._task.labels,
            champion=judged[1] if len(judged) > 1 else None,
            slices=self._task.slices,
            unit=self._task.unit,
            looks=self._judgement.looks,
        )

    def _key(self, name: str) -> metric_types.MetricKey:
        return metric_types.MetricKey(name=name, model_name=self._model_name)


def unpacked(text: bytes) -> dict[str, NDArray[Any]]:
    """Returns the arrays of the metric `CASES`."""
    with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as arrays:
        return dict(arrays)


def _packed(records: Records) -> bytes:
    packed = io.BytesIO()
    np.savez_compressed(packed, **records.arrays())
    return base64.b64encode(packed.getvalue())
