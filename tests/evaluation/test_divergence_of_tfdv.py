"""TFDV's drift comparator is the oracle: on the same counts, its Jensen-Shannon divergence is ours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from data_schemas.training_data import FEWEST
from evaluation.binning import Table, binned, valued
from evaluation.divergence import jensen_shannon

NAME = "feature"


def tfdv_divergence(kind: int, first: statistics_pb2.DatasetFeatureStatistics, second) -> float:
    """Returns what TFDV's comparator measures between two data sets' statistics of one feature."""
    schema = schema_pb2.Schema()
    feature = schema.feature.add(name=NAME, type=kind)
    feature.drift_comparator.jensen_shannon_divergence.threshold = 0.0
    lists = [statistics_pb2.DatasetFeatureStatisticsList(datasets=[one]) for one in (second, first)]
    anomalies = tfdv.validate_statistics(lists[0], schema, previous_statistics=lists[1])
    ((measured,),) = [info.drift_measurements for info in anomalies.drift_skew_info]
    return measured.value


def of_names(table: Table, counts: np.ndarray) -> statistics_pb2.DatasetFeatureStatistics:
    statistics = statistics_pb2.DatasetFeatureStatistics(num_examples=int(counts.sum()))
    of_feature = statistics.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    of_feature.path.step.append(NAME)
    of_feature.string_stats.common_stats.num_non_missing = int(counts.sum())
    for name, count in zip(table.bins, counts, strict=True):
        of_feature.string_stats.rank_histogram.buckets.add(label=name, sample_count=float(count))
    return statistics


def of_numbers(edges: Sequence[float], counts: np.ndarray) -> statistics_pb2.DatasetFeatureStatistics:
    statistics = statistics_pb2.DatasetFeatureStatistics(num_examples=int(counts.sum()))
    of_feature = statistics.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    of_feature.path.step.append(NAME)
    of_feature.num_stats.common_stats.num_non_missing = int(counts.sum())
    histogram = of_feature.num_stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=float(count))
    return statistics


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.2, 0.3, 0.5), (0.9, 0.05, 0.05)])
def test_names_are_as_far_apart_as_tfdv_says(shares) -> None:
    rng = np.random.default_rng(1)
    first = rng.choice(["A", "B", "C"], 400, p=[0.5, 0.3, 0.2])
    table = valued(first, rng.choice(["A", "B", "C"], 150, p=shares), fewest=FEWEST)
    oracle = tfdv_divergence(schema_pb2.BYTES, of_names(table, table.first), of_names(table, table.second))
    assert jensen_shannon(table.first, table.second) == pytest.approx(oracle, abs=1e-6) and oracle > 0


@pytest.mark.parametrize("moved", [0.1, 0.7, 3.0])
def test_numbers_in_the_same_bins_are_as_far_apart_as_tfdv_says(moved) -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=500), rng.normal(loc=moved, size=200)
    table = binned(first, second)
    together = np.concatenate([first, second])
    edges = [together.min(), *table.edges, together.max()]
    oracle = tfdv_divergence(schema_pb2.FLOAT, of_numbers(edges, table.first), of_numbers(edges, table.second))
    assert jensen_shannon(table.first, table.second) == pytest.approx(oracle, abs=1e-6) and oracle > 0
