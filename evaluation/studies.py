"""From images to studies, where a task's unit is the study: its score, its label and its groups.

A study is one of one patient: the pair (patient, study) names it. `docs/decisions.md` says why the rules are these.
numpy alone is needed, so that a client that sends images can put a study's score together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.features import UNKNOWN
from data_schemas.task import Labels, Task
from evaluation.metrics import UNKNOWN_LABEL

MIXED = "mixed"
"""A slice's value of a study whose images have different ones, e.g. a PA and an LL view."""


@dataclass(frozen=True)
class StudyCases:
    """Studies, in the order in which the first image of each came.

    Attributes:
        patients: (studies,), whose they are.
        studies: (studies,), their names.
        labels: int (studies,) index of the label, or (studies, labels) of 1, 0 and -1 (unknown), of the images' dtype.
        raw_scores: float32 (studies, labels), logits: what the signature `calibrate` takes.
        groups: by slice feature, text (studies,).
        images: int64 (studies,), how many images each has.
        left_out: names of studies that are not among them, since their images have different findings.
    """

    patients: NDArray[Any]
    studies: NDArray[Any]
    labels: NDArray[Any]
    raw_scores: NDArray[np.float32]
    groups: dict[str, NDArray[np.str_]]
    images: NDArray[np.int64]
    left_out: tuple[str, ...] = ()


def to_studies(
    *,
    patients: NDArray[Any],
    studies: NDArray[Any],
    labels: NDArray[Any],
    raw_scores: NDArray[Any],
    groups: Mapping[str, NDArray[Any]],
    task: Task,
) -> StudyCases:
    """Returns the studies that images make.

    Args:
        patients: (images,), whose they are, text, bytes or numbers.
        studies: (images,), text or bytes, which study each belongs to; the same name of two patients is two studies.
        labels: int (images,) index of the label, or (images, labels) of 1, 0 and -1 (unknown); -1 unknown in both.
        raw_scores: float (images, labels), the network's logits.
        groups: by slice feature, text (images,).
        task: its `study_score` says how scores are put together.
    """
    numbers, first = study_numbers(patients, studies)
    truth, conflicting = study_labels(labels, numbers, task.labels)
    kept = ~conflicting
    return StudyCases(
        patients=patients[first][kept],
        studies=studies[first][kept],
        labels=truth[kept],
        raw_scores=study_scores(raw_scores, numbers, task)[kept],
        groups={name: study_values(values, numbers)[kept] for name, values in groups.items()},
        images=np.bincount(numbers, minlength=len(first))[kept],
        left_out=tuple(studies[first][conflicting].astype(str).tolist()),
    )


def study_numbers(patients: NDArray[Any], studies: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns each image's study as a number, int64 (images,), from 0 as they come, and the first image of each."""
    whose, which = np.unique(patients, return_inverse=True)[1], np.unique(studies, return_inverse=True)
    pairs = whose * len(which[0]) + which[1]
    _, first, found = np.unique(pairs, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[found], first[order]


def study_scores(raw_scores: NDArray[Any], numbers: NDArray[np.int64], task: Task) -> NDArray[np.float32]:
    """Returns the logits of each study, float32 (studies, labels).

    `mean` is the mean of its images' logits. `max` is the highest of each finding; of labels that exclude each other,
    the highest log odds against the label that means "no finding", since a logit by itself says nothing there: adding a
    number to all of an image's changes none of its probabilities.

    Args:
        raw_scores: float (images, labels), the network's logits.
        numbers: `study_numbers`'.
        task: its `study_score` and labels.
    """
    logits, count = np.asarray(raw_scores, np.float64), int(numbers.max(initial=-1)) + 1
    if task.study_score == "mean":
        scores = np.zeros((count, logits.shape[1]))
        np.add.at(scores, numbers, logits)
        scores /= np.bincount(numbers, minlength=count)[:, None]
    else:
        if task.labels.no_finding is not None:
            logits = logits - logits[:, [task.labels.names.index(task.labels.no_finding)]]
        scores = np.full((count, logits.shape[1]), -np.inf)
        np.maximum.at(scores, numbers, logits)
    return scores.astype(np.float32)


def study_labels(
    labels: NDArray[Any], numbers: NDArray[np.int64], names: Labels
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Returns each study's label, as images have theirs, and whether its images contradict each other, bool (studies,).

    A finding is present in a study if it is present on any image, else unknown if it is unknown on any, else absent.
    Labels that exclude each other cannot say that two are present: such a study has no label (-1), and is said to
    contradict itself.

    Args:
        labels: int (images,) or (images, labels); -1 unknown.
        numbers: `study_numbers`'.
        names: the task's labels.
    """
    count = int(numbers.max(initial=-1)) + 1
    if labels.ndim == 2:
        return _present_unknown_or_absent(labels, numbers, count), np.zeros(count, bool)
    known = labels != UNKNOWN_LABEL
    seen = np.zeros((count, len(names.names)), bool)
    seen[numbers[known], labels[known].astype(np.int64)] = True
    doubtful = np.zeros(count, bool)
    doubtful[numbers[~known]] = True
    return _one_label(seen, doubtful, names).astype(labels.dtype), _findings(seen, names).sum(axis=1) > 1


def _present_unknown_or_absent(labels: NDArray[Any], numbers: NDArray[np.int64], count: int) -> NDArray[Any]:
    present, unknown = np.zeros((2, count, labels.shape[1]), bool)
    np.logical_or.at(present, numbers, labels == 1)
    np.logical_or.at(unknown, numbers, labels == UNKNOWN_LABEL)
    return np.where(present, 1, np.where(unknown, UNKNOWN_LABEL, 0)).astype(labels.dtype)


def _one_label(seen: NDArray[np.bool_], doubtful: NDArray[np.bool_], names: Labels) -> NDArray[np.int64]:
    """Returns the one finding of each study, else "no finding", else -1; `seen` is bool (studies, labels)."""
    of_findings = _findings(seen, names)
    label = np.where(of_findings.sum(axis=1) == 1, of_findings.argmax(axis=1), UNKNOWN_LABEL)
    if names.no_finding is None:
        return label
    healthy = names.names.index(names.no_finding)
    label[seen[:, healthy] & ~of_findings.any(axis=1) & ~doubtful] = healthy
    return label


def _findings(seen: NDArray[np.bool_], names: Labels) -> NDArray[np.bool_]:
    of_findings: NDArray[np.bool_] = seen & np.array([name in names.findings for name in names.names])
    return of_findings


def study_values(values: NDArray[Any], numbers: NDArray[np.int64]) -> NDArray[np.str_]:
    """Returns the value that a study's images share, text (studies,).

    Images on which it is not known have no say; `MIXED` where the others differ, `unknown` where none knows it.

    Args:
        values: text (images,).
        numbers: `study_numbers`'.
    """
    count, known = int(numbers.max(initial=-1)) + 1, values != UNKNOWN
    named, codes = np.unique(values[known].astype(str), return_inverse=True)
    lowest, highest = np.full(count, len(named) + 1), np.full(count, -1)
    np.minimum.at(lowest, numbers[known], codes)
    np.maximum.at(highest, numbers[known], codes)
    shown = np.array([*named, MIXED, UNKNOWN])
    shared: NDArray[np.str_] = shown[
        np.where(highest < 0, len(named) + 1, np.where(lowest == highest, lowest, len(named)))
    ]
    return shared
