"""TFX's StatisticsGen, looking at everything but the pixels."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow_data_validation as tfdv
from tfx.components import StatisticsGen
from tfx.types import BaseChannel


def statistics_gen(examples: BaseChannel, *, features: Sequence[str]) -> StatisticsGen:
    """Returns a StatisticsGen over the scalar features.

    TFDV would count and rank the PNG bytes as if they were words: slow, and a copy of patients' images in a report.

    Args:
        examples: DicomExampleGen's examples.
        features: what to compute statistics of.
    """
    return StatisticsGen(examples=examples, stats_options=tfdv.StatsOptions(feature_allowlist=list(features)))
