"""Task and operating points -> `tfma.EvalConfig`: the metrics, slices and thresholds of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping

import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2

from components.evaluator.metrics import SUMMARY, CaseMetric
from data_schemas import features
from data_schemas.task import METRICS, Gate, Labels, Task
from evaluation.gates import TOLERANCE
from evaluation.summary import task_metric, task_metrics

Points = Mapping[str, float]


def eval_config(task: Task, *, operating_points: Points, champion_points: Points | None = None) -> tfma.EvalConfig:
    """Returns what TFMA evaluates.

    Args:
        task: gives labels, slices and gates.
        operating_points: the candidate's, by finding.
        champion_points: the champion's, or None where there is nothing to compare with; change thresholds need it.
    """
    points = {"": dict(operating_points)}
    specs = [_model_spec()]
    if champion_points is not None:
        points = {tfma.CANDIDATE_KEY: dict(operating_points), tfma.BASELINE_KEY: dict(champion_points)}
        specs = [_model_spec(tfma.CANDIDATE_KEY), _model_spec(tfma.BASELINE_KEY, is_baseline=True)]
    gates = [gate for gate in task.gates if gate.max_drop is None or champion_points is not None]
    return tfma.EvalConfig(
        model_specs=specs,
        slicing_specs=_slicing_specs(task),
        metrics_specs=[*_case_metrics(task.labels, points, gates), *_viewer_metrics(task.labels)],
    )


def _model_spec(name: str = "", *, is_baseline: bool = False) -> tfma.ModelSpec:
    return tfma.ModelSpec(
        name=name,
        is_baseline=is_baseline,
        signature_name="serving_default",
        label_key=features.TRANSFORMED_LABEL,
        prediction_key="scores_at_calibration_prevalence",
        preprocessing_function_names=["transform_features"],
    )


def _slicing_specs(task: Task) -> list[tfma.SlicingSpec]:
    """Overall, and the task's slices."""
    slices = [tfma.SlicingSpec(feature_keys=[features.slice_feature(name) for name in names]) for names in task.slices]
    return [tfma.SlicingSpec(), *slices]


def _case_metrics(labels: Labels, points: Mapping[str, Points], gates: list[Gate]) -> list[tfma.MetricsSpec]:
    """The judged metrics: a spec for the whole task and one for each finding, which so has its own thresholds."""
    whole: dict[str, list[Gate]] = {name: [] for name in (*task_metrics(labels), SUMMARY)}
    for gate in gates:
        if gate.finding is None:
            whole[task_metric(labels, gate.metric)].append(gate)
    specs = [tfma.MetricsSpec(metrics=[_metric(name, labels, points, own) for name, own in whole.items()])]
    for finding in labels.findings:
        own = {name: [gate for gate in gates if (gate.finding, gate.metric) == (finding, name)] for name in METRICS}
        binarize = tfma.BinarizationOptions()
        binarize.class_ids.values.append(labels.names.index(finding))
        metrics = [_metric(name, labels, points, judged) for name, judged in own.items()]
        specs.append(tfma.MetricsSpec(binarize=binarize, metrics=metrics))
    return specs


def _metric(name: str, labels: Labels, points: Mapping[str, Points], gates: list[Gate]) -> tfma.MetricConfig:
    settings = {"name": name, "labels": labels.model_dump(mode="json"), "operating_points": points}
    return tfma.MetricConfig(
        class_name=CaseMetric.__name__,
        module=CaseMetric.__module__,
        config=json.dumps(settings),
        per_slice_thresholds=[_threshold(gate) for gate in gates],
    )


def _threshold(gate: Gate) -> tfma.PerSliceMetricThreshold:
    """TFMA's form of a gate; an empty `SlicingSpec` is the overall slice."""
    values = {features.slice_feature(name): value for name, value in gate.slice.items()}
    threshold = tfma.MetricThreshold()
    if gate.min is not None:
        threshold.value_threshold.lower_bound.CopyFrom(wrappers_pb2.DoubleValue(value=gate.min - TOLERANCE))
    elif gate.max is not None:
        threshold.value_threshold.upper_bound.CopyFrom(wrappers_pb2.DoubleValue(value=gate.max + TOLERANCE))
    elif gate.max_drop is not None:
        threshold.change_threshold.direction = tfma.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.absolute.CopyFrom(wrappers_pb2.DoubleValue(value=-gate.max_drop - TOLERANCE))
    return tfma.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec(feature_values=values)], threshold=threshold)


def _viewer_metrics(labels: Labels) -> list[tfma.MetricsSpec]:
    """What TFMA's viewers draw. They take an unknown label for a value, so multi-label tasks have the count alone."""
    if labels.type == "multi_label":
        return [tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="ExampleCount")])]
    plots = ("ConfusionMatrixPlot", "CalibrationPlot")
    binarize = tfma.BinarizationOptions()
    binarize.class_ids.values.extend(labels.names.index(finding) for finding in labels.findings)
    # No metric of Keras: tracing one costs more than all of the rest, and the judged metrics have the accuracy.
    whole = ("ExampleCount", "MultiClassConfusionMatrixPlot")
    return [
        tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name=name) for name in whole]),
        tfma.MetricsSpec(binarize=binarize, metrics=[tfma.MetricConfig(class_name=name) for name in (*plots, "AUC")]),
    ]
