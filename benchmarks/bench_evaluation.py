"""Statistics of stored scores: all metrics, curves, gaps and 12 slices of many patients, beside TFMA's own bootstrap.

    python benchmarks/bench_evaluation.py [--patients 10000] [--draws 1000] [--tfma-patients 1000] [--blocks 3]

Ours resamples patients 1,000 times. TFMA's (POISSON_BOOTSTRAP, its default 20 resamples of examples) has six metrics
of the same 12 slices, and fewer patients, to end within minutes. Target of ours: at most 20 seconds for 10,000
patients.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from typing import Any

import numpy as np
from ratios import Ratio, load_average, print_result

from data_schemas.task import Labels
from evaluation.differences import Judged
from evaluation.evaluation import Evaluation, evaluate
from evaluation.summary import Cases

TARGET_SECONDS = 20.0
_LABELS = Labels(type="multi_class", names=("normal", "abnormal"), no_finding="normal")
_SLICES = (("sex",), ("age_group",), ("view",), ("site",))
_PACKAGES = ("numpy", "scipy", "tensorflow-model-analysis")


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    many, few = _cases(arguments.patients), _cases(arguments.tfma_patients)
    ours, small, theirs = [], [], []
    for _ in range(arguments.blocks):
        ours.append(_seconds(lambda: _evaluate(many, arguments.draws)))
        small.append(_seconds(lambda: _evaluate(few, arguments.draws)))
        theirs.append(_seconds(lambda: _tfma(few)))
    slices = len(_evaluate(few, 2).slices)
    ratios = [
        Ratio(
            f"seconds for {arguments.patients} patients over the target's 20",
            [one / TARGET_SECONDS for one in ours],
            target=1.0,
        ),
        Ratio(
            f"TFMA with its bootstrap over ours, {arguments.tfma_patients} patients",
            [their / our for their, our in zip(theirs, small, strict=True)],
        ),
    ]
    details = {
        "slices": slices,
        "seconds": [round(one, 2) for one in ours],
        "tfma_seconds_of_fewer_patients": [round(one, 2) for one in theirs],
    }
    print_result("evaluation", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--tfma-patients", type=int, default=1_000)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--blocks", type=int, default=3)
    return parser.parse_args()


def _cases(patients: int) -> Cases:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, patients)
    score = 1 / (1 + np.exp(-(2.0 * labels - 1 + 1.5 * generator.normal(size=patients))))
    groups = {
        "sex": generator.choice(["F", "M"], patients),
        "age_group": generator.choice(["0-17", "18-39", "40-64", "65+"], patients),
        "view": generator.choice(["PA", "AP"], patients),
        "site": generator.choice(["a", "b", "c", "d"], patients),
    }
    return Cases(np.arange(patients), labels, np.stack([1 - score, score], axis=1), groups=groups)


def _evaluate(cases: Cases, draws: int) -> Evaluation:
    return evaluate(Judged(cases, {"abnormal": 0.5}), _LABELS, slices=_SLICES, draws=draws)


def _tfma(cases: Cases) -> None:
    import pandas as pd
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.proto.config_pb2 import EvalConfig, MetricConfig, MetricsSpec, ModelSpec, SlicingSpec

    frame = pd.DataFrame({"label": cases.labels, "prediction": cases.scores[:, 1], **cases.groups})
    config = EvalConfig(
        model_specs=[ModelSpec(label_key="label", prediction_key="prediction")],
        slicing_specs=[SlicingSpec(), *(SlicingSpec(feature_keys=list(names)) for names in _SLICES)],
        metrics_specs=[
            MetricsSpec(
                metrics=[
                    MetricConfig(class_name=name)
                    for name in ("AUC", "AUCPrecisionRecall", "BinaryAccuracy", "Precision", "Recall", "Calibration")
                ]
            )
        ],
    )
    config.options.compute_confidence_intervals.value = True
    tfma.analyze_raw_data(frame, config)


def _seconds(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(main())
