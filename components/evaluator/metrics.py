"""One TFMA metric for everything that is judged: it gathers the cases of a slice and asks `evaluation.summary`.

TFMA's own metrics flag at fixed thresholds, take an unknown label for an absent finding and know no patients. This one
flags at each model's operating points, masks what is unknown and resamples patients for its intervals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

from data_schemas import features
from data_schemas.task import METRICS, Labels
from evaluation.intervals import DRAWS
from evaluation.summary import Cases, summarize, task_metrics

SUMMARY = "summary"
"""The metric that holds a slice's whole `Summary` as JSON text; the other names hold one value each, for thresholds."""

_Case = tuple[bytes, Any, Any]


class CaseMetric(tfma.metrics.Metric):
    """A value of `evaluation.summary.Summary`, as a TFMA metric.

    Args:
        name: one of `task_metrics(labels)` without a class id, one of `METRICS` with one, or `SUMMARY`.
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
    preprocessor = metric_types.FeaturePreprocessor(feature_keys=[features.PATIENT])
    return [metric_types.MetricComputation(keys=combiner.keys, preprocessors=[preprocessor], combiner=combiner)]


class CaseCombiner(beam.CombineFn):
    """Gathers (patient, label, scores) of a slice's cases and summarizes them at the end.

    A case is tens of bytes, so a million of them fit in memory. The champion's values have no intervals: only its
    distance from the candidate is judged, and the draws are most of the cost.
    """

    def __init__(self, labels: Labels, points: Mapping[str, float], model_name: str, eval_config: Any) -> None:
        self._labels = labels
        self._points = dict(points)
        self._model_name = model_name
        self._eval_config = eval_config
        self._draws = 0 if model_name == tfma.BASELINE_KEY else DRAWS

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        """Every key that `extract_output` fills."""
        whole = [*task_metrics(self._labels), SUMMARY]
        return [metric_types.MetricKey(name=name, model_name=self._model_name) for name in whole] + [
            self._finding_key(finding, name) for finding in self._labels.findings for name in METRICS
        ]

    def create_accumulator(self) -> list[_Case]:
        """Returns no cases."""
        return []

    def add_input(self, accumulator: list[_Case], element: Any) -> list[_Case]:
        """Returns the cases with one more: a record's patient, label and scores of this model."""
        patient = np.asarray(element.features[features.PATIENT]).reshape(-1)[0]
        rows = metric_util.to_label_prediction_example_weight(
            element, eval_config=self._eval_config, model_name=self._model_name, flatten=False, squeeze=False
        )
        accumulator.extend((patient, self._label(label), np.asarray(score).reshape(-1)) for label, score, _ in rows)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[_Case]]) -> list[_Case]:
        """Returns the cases of all parts."""
        return [case for accumulator in accumulators for case in accumulator]

    def extract_output(self, accumulator: list[_Case]) -> dict[metric_types.MetricKey, Any]:
        """Returns every value of the cases' summary, nan where it is not defined; nothing for no cases."""
        if not accumulator:
            return {}
        patients, labels, scores = (np.array(column) for column in zip(*accumulator, strict=True))
        summary = summarize(Cases(patients, labels, scores), self._labels, self._points, draws=self._draws)
        found: dict[metric_types.MetricKey, Any] = {
            self._task_key(name): _number(summary.value(None, name)) for name in task_metrics(self._labels)
        }
        for finding in self._labels.findings:
            found |= {self._finding_key(finding, name): _number(summary.value(finding, name)) for name in METRICS}
        found[self._task_key(SUMMARY)] = json.dumps(summary.to_json())
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
