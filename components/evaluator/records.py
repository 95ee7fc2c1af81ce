"""Gathers, inside TFMA, what a model says of each record: what every metric of ours is made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

from data_schemas import features
from data_schemas.task import Task
from evaluation.judged import Records


class Case(NamedTuple):
    """One record; scores and logits are by model."""

    example_id: bytes
    patient: bytes
    study: bytes
    label: Any
    scores: tuple[Any, ...]
    raw_scores: tuple[Any, ...]
    groups: tuple[str, ...]


class GatheringCombiner(beam.CombineFn):
    """Gathers the cases of a slice from TFMA's extracts; what is made of them, `keys` and `extract_output` say.

    Args:
        task: its labels and slices.
        models: TFMA's names of the models.
        eval_config: TFMA's.
    """

    def __init__(self, task: Task, models: Sequence[str], eval_config: Any) -> None:
        self._labels_type, self._models, self._eval_config = task.labels.type, tuple(models), eval_config
        names = sorted({name for slice_ in task.slices for name in slice_})
        self._columns = {name: features.slice_feature(name) for name in names}

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        """Every key that `extract_output` fills."""
        raise NotImplementedError

    def computation(self) -> metric_types.MetricComputation:
        """Returns what TFMA runs: the features that a case has are asked for, and this combines them."""
        own = [features.PATIENT, features.STUDY, features.EXAMPLE_ID]
        asked = metric_types.FeaturePreprocessor(feature_keys=[*own, *self._columns.values()])
        return metric_types.MetricComputation(keys=self.keys, preprocessors=[asked], combiner=self)

    def create_accumulator(self) -> list[Case]:
        """Returns no cases."""
        return []

    def add_input(self, accumulator: list[Case], element: Any) -> list[Case]:
        """Returns the cases with one more."""
        accumulator.append(self._case(element))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[Case]]) -> list[Case]:
        """Returns the cases of all parts."""
        return [case for accumulator in accumulators for case in accumulator]

    def _case(self, element: Any) -> Case:
        """Returns a record as a case."""
        found, label = element.features, None
        scores, raw = [], []
        for model in self._models:
            rows = metric_util.to_label_prediction_example_weight(
                element, eval_config=self._eval_config, model_name=model, flatten=False, squeeze=False
            )
            label, score, _ = next(iter(rows))
            scores.append(np.asarray(score).reshape(-1))
            raw.append(np.asarray(element.get_predictions(model)["raw_scores"]).reshape(-1))
        return Case(
            example_id=_one(found, features.EXAMPLE_ID),
            patient=_one(found, features.PATIENT),
            study=_one(found, features.STUDY),
            label=self._label(label),
            scores=tuple(scores),
            raw_scores=tuple(raw),
            groups=tuple(_one(found, column).decode() for column in self._columns.values()),
        )

    def records(self, cases: Sequence[Case], model: int) -> Records:
        """Returns the cases as one model sees them, sorted by id: what is drawn at random must not depend on Beam."""
        rows = sorted(cases, key=_identity)
        return Records(
            patients=np.array([case.patient for case in rows]),
            studies=np.array([case.study for case in rows]),
            ids=np.array([case.example_id for case in rows]),
            labels=np.array([case.label for case in rows]),
            scores=np.stack([case.scores[model] for case in rows]),
            raw_scores=np.stack([case.raw_scores[model] for case in rows]),
            groups={name: np.array([case.groups[at] for case in rows]) for at, name in enumerate(self._columns)},
        )

    def _label(self, label: Any) -> Any:
        flat = np.asarray(label).reshape(-1)
        return np.int64(flat[0]) if self._labels_type == "multi_class" else flat.astype(np.int64)


def _identity(case: Case) -> bytes:
    return case.example_id


def _one(found: Any, name: str) -> bytes:
    value = np.asarray(found[name]).reshape(-1)
    return bytes(value[0]) if value.size else features.UNKNOWN.encode()
