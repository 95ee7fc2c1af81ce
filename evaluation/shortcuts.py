"""Shortcut probes: can something that is no disease, such as the scanner, tell the label on its own?

A network finds such a shortcut and is right for the wrong reason (Zech et al., PLoS Medicine 2018; DeGrave et al.,
Nature Machine Intelligence 2021). A probe is a logistic regression on the suspect alone, judged on patients that it was
not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from evaluation.clustered_auroc import clustered_auroc
from evaluation.intervals import Estimate
from evaluation.metrics import UNKNOWN_LABEL, Floats

ALARMING = 0.6
"""AUROC from which a suspect that tells the label is worth an alarm."""

_NARROW = 0.2
"""Width of an interval that can clear a suspect."""
_FOLDS = 5
_FEWEST = 10
"""Patients with and without the label, without which nothing is fitted."""

Verdict = Literal["flagged", "clear", "inconclusive"]


@dataclass(frozen=True)
class Probe:
    """What a suspect tells of a label.

    Attributes:
        auroc: cross-validated by patient, with a 95 % interval over patients; 0.5 is nothing.
        verdict: `flagged`: it tells the label, the whole interval above 0.5 and the value at least `ALARMING`;
            `clear`: the whole interval below `ALARMING`, and narrow; `inconclusive`: the data cannot say.
    """

    auroc: Estimate
    verdict: Verdict


def probe(suspect: Floats, labels: NDArray[Any], patients: NDArray[Any], *, seed: int = 0) -> Probe:
    """Returns what a suspect tells of a label.

    Args:
        suspect: float64 (images, columns), no nan; `one_hot` turns words into columns.
        labels: (images,), 1 present, 0 absent, -1 unknown (left out).
        patients: (images,), whose image it is; no patient is on both sides of a fold.
        seed: of the folds.
    """
    known = labels != UNKNOWN_LABEL
    suspect, labels, patients = suspect[known], labels[known], patients[known]
    if min(len(set(patients[labels == value])) for value in (0, 1)) < _FEWEST:
        return Probe(Estimate(None), "inconclusive")
    if not len(suspect[0]) or (suspect == suspect[0]).all():
        return Probe(Estimate(0.5, 0.5, 0.5), "clear")  # the same for every image: it can tell nothing
    scores = _held_out_scores(suspect, labels, patients, seed)
    auroc = clustered_auroc(labels == 1, scores, np.unique(patients, return_inverse=True)[1]).estimate()
    return Probe(auroc, _verdict(auroc))


def one_hot(words: NDArray[Any]) -> Floats:
    """Returns float64 (images, words): a column for each word that occurs."""
    return np.asarray(words[:, np.newaxis] == np.unique(words), np.float64)


def _verdict(auroc: Estimate) -> Verdict:
    if auroc.value is None or auroc.lower is None or auroc.upper is None:
        return "inconclusive"
    if auroc.lower > 0.5 and auroc.value >= ALARMING:
        return "flagged"
    # Cross-validation of few patients leans below 0.5 where there is nothing: a low value alone clears nobody.
    return "clear" if auroc.upper < ALARMING and auroc.upper - auroc.lower <= _NARROW else "inconclusive"


def _held_out_scores(suspect: Floats, labels: NDArray[Any], patients: NDArray[Any], seed: int) -> Floats:
    """Returns for each image the log odds by a model of the other folds, over the log odds in those folds.

    Without the latter, a fold with few positives has low odds and its images low scores, which would look like an AUROC
    below 0.5 where there is nothing to find.
    """
    scores = np.zeros(len(labels))
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed).split(suspect, labels, patients)
    for fitted, held_out in folds:
        if len(set(labels[fitted])) < 2:
            continue
        scaler = StandardScaler().fit(suspect[fitted])
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(
            scaler.transform(suspect[fitted]), labels[fitted]
        )
        scores[held_out] = model.decision_function(scaler.transform(suspect[held_out]))
    return scores
