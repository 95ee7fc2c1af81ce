"""Task and models -> `EvalConfig`: the metrics, slices and thresholds of an evaluation."""

from __future__ import annotations

import json
from dataclasses import asdict

import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2
from tensorflow_model_analysis.proto.config_pb2 import (
    BinarizationOptions,
    EvalConfig,
    MetricConfig,
    MetricsSpec,
    MetricThreshold,
    ModelSpec,
    PerSliceMetricThreshold,
    SlicingSpec,
)

from components.evaluator.judgement import CASES, JUDGEMENT, Judgement, JudgementMetric, judged_gates, refusal
from components.evaluator.metrics import CaseMetric
from data_schemas import features
from data_schemas.task import Labels, Task
from data_schemas.task_file import task_from_json


def eval_config(judgement: Judgement) -> EvalConfig:
    """Returns what TFMA evaluates; a second model, the champion, is the baseline."""
    task = task_from_json(judgement.task)
    return EvalConfig(
        model_specs=[_model_spec(name, is_baseline=name == tfma.BASELINE_KEY) for name in judgement.descriptions],
        slicing_specs=_slicing_specs(task),
        metrics_specs=[_judgement(task, judgement), _case_metrics(judgement), *_viewer_metrics(task.labels)],
    )


def _model_spec(name: str, *, is_baseline: bool) -> ModelSpec:
    return ModelSpec(
        name=name,
        is_baseline=is_baseline,
        signature_name="serving_default",
        label_key=features.TRANSFORMED_LABEL,
        prediction_key="scores_at_calibration_prevalence",
        preprocessing_function_names=["transform_features"],
    )


def _slicing_specs(task: Task) -> list[SlicingSpec]:
    """Overall, and the task's slices."""
    slices = [SlicingSpec(feature_keys=[features.slice_feature(name) for name in names]) for names in task.slices]
    return [SlicingSpec(), *slices]


def _judgement(task: Task, judgement: Judgement) -> MetricsSpec:
    """The verdicts: one threshold a gate, on the candidate and overall alone."""
    candidate = next(iter(judgement.descriptions))
    judged = [refusal(name) for name in judged_gates(task)]
    return MetricsSpec(
        model_names=[candidate] if candidate else [],
        metrics=[_judgement_metric(name, judgement, judged=name in judged) for name in (JUDGEMENT, CASES, *judged)],
    )


def _judgement_metric(name: str, judgement: Judgement, *, judged: bool) -> MetricConfig:
    threshold = MetricThreshold()
    threshold.value_threshold.upper_bound.CopyFrom(wrappers_pb2.DoubleValue(value=0.0))
    overall = PerSliceMetricThreshold(slicing_specs=[SlicingSpec()], threshold=threshold)
    return MetricConfig(
        class_name=JudgementMetric.__name__,
        module=JudgementMetric.__module__,
        config=json.dumps({"name": name, "judgement": asdict(judgement)}),
        per_slice_thresholds=[overall] if judged else [],
    )


def _case_metrics(judgement: Judgement) -> MetricsSpec:
    """Every metric by slice; what makes them knows all of their keys, so it is asked for once."""
    settings = {"name": CaseMetric.__name__, "descriptions": judgement.descriptions}
    metric = MetricConfig(class_name=CaseMetric.__name__, module=CaseMetric.__module__, config=json.dumps(settings))
    return MetricsSpec(metrics=[metric])


def _viewer_metrics(labels: Labels) -> list[MetricsSpec]:
    """What TFMA's viewers draw. They take an unknown label for a value, so multi-label tasks have the count alone."""
    if labels.type == "multi_label":
        return [MetricsSpec(metrics=[MetricConfig(class_name="ExampleCount")])]
    plots = ("ConfusionMatrixPlot", "CalibrationPlot")
    binarize = BinarizationOptions()
    binarize.class_ids.values.extend(labels.names.index(finding) for finding in labels.findings)
    # No metric of Keras: tracing one costs more than all of the rest, and the judged metrics have the accuracy.
    whole = ("ExampleCount", "MultiClassConfusionMatrixPlot")
    return [
        MetricsSpec(metrics=[MetricConfig(class_name=name) for name in whole]),
        MetricsSpec(binarize=binarize, metrics=[MetricConfig(class_name=name) for name in (*plots, "AUC")]),
    ]
