"""Every metric by slice, for TFMA's viewers: gathers the cases of a slice and asks `evaluation.summary`.

TFMA's own metrics flag at fixed thresholds and take an unknown label for an absent finding. This one flags at each
model's operating points and masks what is unknown. Intervals and gates are `components.evaluator.judgement`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

from data_schemas.metrics import METRICS
from data_schemas.task import Labels
from evaluation.summary import Cases, summarize, task_metrics

_Case = tuple[Any, Any]


class CaseMetric(tfma.metrics.Metric):
    """A value of `evaluation.summary.Summary`, as a TFMA metric.

    Args:
        name: one of `task_metrics(labels)` without a class id, one of `METRICS` with one.
        labels: the task's labels, as plain values.
        operating_points: by model name (empty for a single model), by finding.
    """

    def __init__(
        self, name: str, labels: Mapping[str, Any], operating_points: Mapping[str, Mapping[str, float]]
    ) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            name=name,
            labels=labels,
            operating_points=operating_points,
        )


def finding_key(labels: Labels, finding: str, metric: str, *, model_name: str = "") -> metric_types.MetricKey:
    """Returns the key under which TFMA keeps a finding's metric."""
    sub_key = metric_types.SubKey(class_id=labels.names.index(finding))
    return metric_types.MetricKey(name=metric, model_name=model_name, sub_key=sub_key)


def _computations(
    name: str,
    labels: Mapping[str, Any],
    operating_points: Mapping[str, Mapping[str, float]],
    model_name: str = "",
    eval_config: Any = None,
) -> metric_types.MetricComputations:
    """Returns one computation for all names of a model; TFMA drops its copies, since their keys are the same."""
    del name
    combiner = CaseCombiner(Labels.model_validate(labels), operating_points[model_name], model_name, eval_config)
    return [metric_types.MetricComputation(keys=combiner.keys, preprocessors=None, combiner=combiner)]


class CaseCombiner(beam.CombineFn):
    """Gathers (label, scores) of a slice's cases and summarizes them, without intervals, at the end."""

    def __init__(self, labels: Labels, points: Mapping[str, float], model_name: str, eval_config: Any) -> None:
        self._labels = labels
        self._points = dict(points)
        self._model_name = model_name
        self._eval_config = eval_config

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        """Every key that `extract_output` fills."""
        return [self._task_key(name) for name in task_metrics(self._labels)] + [
            self._finding_key(finding, name) for finding in self._labels.findings for name in METRICS
        ]

    def create_accumulator(self) -> list[_Case]:
        """Returns no cases."""
        return []

    def add_input(self, accumulator: list[_Case], element: Any) -> list[_Case]:
        """Returns the cases with one more: a record's label and scores of this model."""
        rows = metric_util.to_label_prediction_example_weight(
            element, eval_config=self._eval_config, model_name=self._model_name, flatten=False, squeeze=False
        )
        accumulator.extend((self._label(label), np.asarray(score).reshape(-1)) for label, score, _ in rows)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[_Case]]) -> list[_Case]:
        """Returns the cases of all parts."""
        return [case for accumulator in accumulators for case in accumulator]

    def extract_output(self, accumulator: list[_Case]) -> dict[metric_types.MetricKey, Any]:
        """Returns every value of the cases' summary, nan where it is not defined; nothing for no cases."""
        if not accumulator:
            return {}
        labels, scores = (np.array(column) for column in zip(*accumulator, strict=True))
        summary = summarize(Cases(np.arange(len(labels)), labels, scores), self._labels, self._points, draws=0)
        found: dict[metric_types.MetricKey, Any] = {
            self._task_key(name): _number(summary.value(None, name)) for name in task_metrics(self._labels)
        }
        for finding in self._labels.findings:
            found |= {self._finding_key(finding, name): _number(summary.value(finding, name)) for name in METRICS}
        return found

    def _label(self, label: Any) -> Any:
        flat = np.asarray(label).reshape(-1)
        return np.int64(flat[0]) if self._labels.type == "multi_class" else flat.astype(np.int64)

    def _task_key(self, name: str) -> metric_types.MetricKey:
        return metric_types.MetricKey(name=name, model_name=self._model_name)

    def _finding_key(self, finding: str, name: str) -> metric_types.MetricKey:
        return finding_key(self._labels, finding, name, model_name=self._model_name)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
