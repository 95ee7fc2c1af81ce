"""From what a model says of images to the cases that it is judged on: images or studies, at the declared prevalence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.description import ModelDescription
from data_schemas.task import Labels
from evaluation.calibration import calibrated_logits, to_probabilities
from evaluation.metrics import binary_labels
from evaluation.prevalence import carried, logit_shift
from evaluation.studies import to_studies
from evaluation.summary import Cases

_COLUMN = "group_"


@dataclass(frozen=True)
class Records:
    """Images with what a model says of each.

    Attributes:
        patients, studies, ids: (images,), pseudonyms and keyed hashes.
        labels: int (images,) or (images, labels), as in `Cases`.
        scores: float (images, labels), `scores_at_calibration_prevalence`.
        raw_scores: float (images, labels), logits.
        groups: by slice feature, (images,) of str.
    """

    patients: NDArray[Any]
    studies: NDArray[Any]
    ids: NDArray[Any]
    labels: NDArray[Any]
    scores: NDArray[Any]
    raw_scores: NDArray[Any]
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns flat arrays by name, for a file; `from_arrays` reads them back."""
        own = {name: getattr(self, name) for name in ("patients", "studies", "ids", "labels", "scores", "raw_scores")}
        return own | {f"{_COLUMN}{name}": values for name, values in self.groups.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Records:
        """Returns the records that `arrays` gave."""
        groups = {name.removeprefix(_COLUMN): array for name, array in arrays.items() if name.startswith(_COLUMN)}
        own = {name: array for name, array in arrays.items() if not name.startswith(_COLUMN)}
        return cls(**own, groups=groups)


def judged_cases(records: Records, description: ModelDescription) -> Cases:
    """Returns the cases that a model is judged on.

    Where the task declares a prevalence, probabilities are carried to it, and each label weighs what makes it so common
    here: a model is then judged as it will be used.

    Args:
        records: every image.
        description: the model's.
    """
    return at_declared_prevalence(_cases(records, description), description)


def at_declared_prevalence(cases: Cases, description: ModelDescription) -> Cases:
    """Returns cases with probabilities and weights of the prevalence that the model's task declares, if it does."""
    task = description.task
    if description.deployment_prevalence is None:
        return cases
    shift = logit_shift(description.prevalence, description.deployment_prevalence, task.labels)
    return replace(
        cases,
        probabilities=carried(np.clip(cases.scores, 1e-7, 1 - 1e-7), shift, task.labels),
        weights=_weights(cases.labels, task.labels, description.deployment_prevalence),
    )


def _cases(records: Records, description: ModelDescription) -> Cases:
    """Returns images, or studies with the scores that the signature `calibrate` gives for their images' logits."""
    task = description.task
    if task.unit == "image":
        return Cases(records.patients, records.labels, records.scores, groups=dict(records.groups))
    found = to_studies(
        patients=records.patients,
        studies=records.studies,
        labels=records.labels,
        raw_scores=records.raw_scores,
        groups=records.groups,
        task=task,
    )
    scores = to_probabilities(calibrated_logits(found.raw_scores, description.calibration), task.labels.type)
    return Cases(found.patients, found.labels, scores, groups=found.groups)


def _weights(labels: NDArray[Any], names: Labels, wanted: Mapping[str, float]) -> NDArray[np.float64]:
    """Returns what a case weighs for each label, (cases, labels), so that the label is as common as wanted.

    Of labels that exclude each other a case weighs what its own label does, whichever is asked about.
    """
    size = len(names.names)
    weights = np.ones((len(labels), size))
    for index, name in enumerate(names.names):
        truth = binary_labels(labels, index)
        known = truth >= 0
        share = float(np.mean(truth[known] == 1)) if known.any() else 0.0
        if not 0 < share < 1:
            continue
        present, absent = wanted[name] / share, (1 - wanted[name]) / (1 - share)
        if names.type == "multi_label":
            weights[:, index] = np.where(truth == 1, present, absent)
        else:
            weights[truth == 1] = present
    return weights
