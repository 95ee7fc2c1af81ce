"""What a network's features tell of the patient: can sex and age be read from them?

Features that hold an attribute can carry a bias along; whether the score uses them so, a probe cannot say (Glocker et
al., eBioMedicine 2023). A probe is a logistic regression on the main axes of each patient's mean features, judged on
patients that it was not fitted to. A patient counts once, however many images there are: a few with dozens of them
would otherwise decide.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_schemas.stress_results import AttributeProbe, Interval
from evaluation.clustered_auroc import clustered_auroc
from evaluation.metrics import UNKNOWN_LABEL, Floats

FEWEST = 20
"""Patients of each kind without which nothing is fitted."""
_FOLDS = 5
_PARTITIONS = 3
"""Partitions into folds whose scores are averaged, so that the luck of one does not decide."""
_VARIANCE = 1 + _FOLDS / (_FOLDS - 1)
"""Models of several folds share their patients, so that their errors go together, and the variance over held-out scores
is too small by this (Nadeau and Bengio, Machine Learning 2003). Without it, some 85 % of simulated intervals held 0.5
where there was nothing to find."""
_MOST_AXES = 50
_PATIENTS_AN_AXIS = 4
"""So many patients for each axis of the features: with fewer, even a regularized regression learns them by heart."""
_REGULARIZATION = 0.1
_LARGEST = 1e6
"""A network that has hardly been trained may give features without bounds."""


def probe_sex(features: NDArray[Any] | None, sexes: NDArray[Any], patients: NDArray[Any]) -> AttributeProbe:
    """Returns how well features tell women from men; who is neither, or unknown, is left out.

    Args:
        features: float (images, features), or None where the model does not give them.
        sexes: str (images,): M, F, O or unknown.
        patients: (images,), whose image it is.
    """
    women = np.select([sexes == "F", sexes == "M"], [1, 0], UNKNOWN_LABEL)
    return _probe("sex", features, women, patients, note="women against men")


def probe_age(features: NDArray[Any] | None, ages: Floats, patients: NDArray[Any]) -> AttributeProbe:
    """Returns how well features tell who is at or above the median age of the patients.

    Args:
        features: as `probe_sex`.
        ages: float (images,) in years, nan where it is not known.
        patients: (images,), whose image it is.
    """
    known = ~np.isnan(ages)
    first = np.unique(patients[known], return_index=True)[1]
    median = float(np.median(ages[known][first])) if first.size else float("nan")
    older = np.where(known, (ages >= median).astype(np.int64), UNKNOWN_LABEL)
    return _probe("age", features, older, patients, note=f"{median:g} years and more against younger")


def _probe(
    attribute: Literal["sex", "age"],
    features: NDArray[Any] | None,
    labels: NDArray[Any],
    patients: NDArray[Any],
    *,
    note: str,
) -> AttributeProbe:
    known = labels != UNKNOWN_LABEL
    names, first, place = np.unique(patients[known], return_index=True, return_inverse=True)
    # Of a patient who crosses the median between two films, the first counts.
    labels = labels[known][first]
    kinds = [int((labels == value).sum()) for value in (1, 0)]
    reason = ""
    if features is None:
        reason = "the model has no signature `features`: export it again to have it probed"
    elif min(kinds) < FEWEST:
        reason = f"not enough patients: {kinds[0]} and {kinds[1]}, {FEWEST} of each kind are needed"
    if features is None or reason:
        nothing = Interval(value=None, patients=len(names), note=reason)
        return AttributeProbe(attribute=attribute, auroc=nothing, patients=len(names), note=reason)
    scores = _held_out_scores(_means(features[known], place), labels)
    return AttributeProbe(attribute=attribute, auroc=_auroc(labels, scores), patients=len(names), note=note)


def _means(features: NDArray[Any], place: NDArray[np.intp]) -> Floats:
    """Returns each patient's mean features, float64 (patients, features)."""
    finite = np.nan_to_num(features.astype(np.float64), nan=0, posinf=_LARGEST, neginf=-_LARGEST)
    sums = np.zeros((place.max() + 1, features.shape[1]))
    np.add.at(sums, place, finite.clip(-_LARGEST, _LARGEST))
    return np.asarray(sums / np.bincount(place)[:, np.newaxis], np.float64)


def _held_out_scores(features: Floats, labels: NDArray[Any]) -> Floats:
    """Returns for each patient the log odds by models of other patients, added up over partitions.

    Folds and fits weigh both kinds alike. Otherwise a fold with few of one kind would be scored by a model that has
    seen many of it, and the AUROC would lie below 0.5 where there is nothing to find.
    """
    scores = np.zeros(len(labels))
    for partition in range(_PARTITIONS):
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=partition)
        for fitted, held_out in folds.split(features, labels):
            if (features[fitted] == features[fitted][0]).all():
                continue  # the same for everybody: they tell nothing
            axes = min(_MOST_AXES, len(fitted) // _PATIENTS_AN_AXIS, features.shape[1])
            model = make_pipeline(
                StandardScaler(),
                PCA(axes, whiten=True, svd_solver="full"),
                LogisticRegression(C=_REGULARIZATION, class_weight="balanced", max_iter=1000),
            ).fit(features[fitted], labels[fitted])
            scores[held_out] += model.decision_function(features[held_out])
    return scores


def _auroc(labels: NDArray[Any], scores: Floats) -> Interval:
    found = clustered_auroc(labels == 1, scores, np.arange(len(labels)))
    told = replace(found, variance=found.variance * _VARIANCE).estimate()
    return Interval(value=told.value, lower=told.lower, upper=told.upper, patients=len(labels))
