"""Every metric by slice, for TFMA's viewers: gathers the cases of a slice and asks `evaluation.summary`.

TFMA's own metrics flag at fixed thresholds and take an unknown label for an absent finding. This one flags at each
model's operating points and masks what is unknown. Intervals and gates are `components.evaluator.judgement`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluator.records import Case, GatheringCombiner
from data_schemas.description import ModelDescription
from data_schemas.metrics import METRICS
from data_schemas.task import Labels
from evaluation.judged import judged_cases
from evaluation.summary import summarize, task_metrics


class CaseMetric(tfma.metrics.Metric):
    """All values of `evaluation.summary.Summary`, as TFMA metrics.

    Args:
        name: of no use; TFMA asks for one.
        descriptions: what each model says of itself, as JSON, by model name (empty for a single model).
    """

    def __init__(self, name: str, descriptions: Mapping[str, str]) -> None:
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name, descriptions=descriptions)


def finding_key(labels: Labels, finding: str, metric: str, *, model_name: str = "") -> metric_types.MetricKey:
    """Returns the key under which TFMA keeps a finding's metric."""
    sub_key = metric_types.SubKey(class_id=labels.names.index(finding))
    return metric_types.MetricKey(name=metric, model_name=model_name, sub_key=sub_key)


def _computations(
    name: str, descriptions: Mapping[str, str], model_name: str = "", eval_config: Any = None
) -> metric_types.MetricComputations:
    """Returns the computation of all of a model's metrics."""
    del name
    combiner = CaseCombiner(descriptions[model_name], model_name, eval_config)
    return [combiner.computation()]


class CaseCombiner(GatheringCombiner):
    """Gathers a slice's cases and summarizes them, without intervals, at the end."""

    def __init__(self, description: str, model_name: str, eval_config: Any) -> None:
        self._description = ModelDescription.model_validate_json(description)
        self._labels, self._model_name = self._description.task.labels, model_name
        super().__init__(self._description.task, [model_name], eval_config)

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        """Every key that `extract_output` fills."""
        return [self._task_key(name) for name in task_metrics(self._labels)] + [
            self._finding_key(finding, name) for finding in self._labels.findings for name in METRICS
        ]

    def extract_output(self, accumulator: list[Case]) -> dict[metric_types.MetricKey, Any]:
        """Returns every value of the cases' summary, nan where it is not defined; nothing for no cases."""
        if not accumulator:
            return {}
        cases = judged_cases(self.records(accumulator, 0), self._description)
        summary = summarize(cases, self._labels, self._description.operating_points, draws=0)
        found: dict[metric_types.MetricKey, Any] = {
            self._task_key(name): _number(summary.value(None, name)) for name in task_metrics(self._labels)
        }
        for finding in self._labels.findings:
            found |= {self._finding_key(finding, name): _number(summary.value(finding, name)) for name in METRICS}
        return found

    def _task_key(self, name: str) -> metric_types.MetricKey:
        return metric_types.MetricKey(name=name, model_name=self._model_name)

    def _finding_key(self, finding: str, name: str) -> metric_types.MetricKey:
        return finding_key(self._labels, finding, name, model_name=self._model_name)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
