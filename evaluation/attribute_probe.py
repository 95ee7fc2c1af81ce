"""What a network's features tell of the patient: can sex and age be read from them?

Features that hold an attribute can carry a bias along; whether the score uses them so, a probe cannot say (Glocker et
al., eBioMedicine 2023). A probe is a logistic regression on the features' main axes, judged on patients that it was not
fitted to.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_schemas.stress_results import AttributeProbe, Interval
from evaluation.clustered_auroc import clustered_auroc
from evaluation.metrics import UNKNOWN_LABEL, Floats

FEWEST = 20
"""Patients of each kind without which nothing is fitted."""
_FOLDS = 5
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
    labels, patients = labels[known], patients[known]
    count = len(np.unique(patients))
    kinds = [len(np.unique(patients[labels == value])) for value in (1, 0)]
    reason = ""
    if features is None:
        reason = "the model has no signature `features`: export it again to have it probed"
    elif min(kinds) < FEWEST:
        reason = f"not enough patients: {kinds[0]} and {kinds[1]}, {FEWEST} of each kind are needed"
    if features is None or reason:
        return AttributeProbe(
            attribute=attribute, auroc=Interval(value=None, patients=count, note=reason), patients=count, note=reason
        )
    finite = np.nan_to_num(features[known].astype(np.float64), nan=0, posinf=_LARGEST, neginf=-_LARGEST)
    scores = _held_out_scores(finite.clip(-_LARGEST, _LARGEST), labels, patients)
    auroc = _auroc(labels, scores, patients)
    return AttributeProbe(attribute=attribute, auroc=auroc, patients=count, note=note)


def _held_out_scores(features: Floats, labels: NDArray[Any], patients: NDArray[Any]) -> Floats:
    """Returns for each image the log odds by a model of the other patients.

    Folds and fits weigh both kinds alike. Otherwise a fold with few of one kind would be scored by a model that has
    seen many of it, and the AUROC would lie below 0.5 where there is nothing to find.
    """
    scores = np.zeros(len(labels))
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    for fitted, held_out in folds.split(features, labels, patients):
        if (features[fitted] == features[fitted][0]).all():
            continue  # the same for everybody: they tell nothing
        axes = min(_MOST_AXES, len(np.unique(patients[fitted])) // _PATIENTS_AN_AXIS, *features[fitted].shape)
        model = make_pipeline(
            StandardScaler(),
            PCA(axes, whiten=True, svd_solver="full"),
            LogisticRegression(C=_REGULARIZATION, class_weight="balanced", max_iter=1000),
        ).fit(features[fitted], labels[fitted])
        scores[held_out] = model.decision_function(features[held_out])
    return scores


def _auroc(labels: NDArray[Any], scores: Floats, patients: NDArray[Any]) -> Interval:
    found = clustered_auroc(labels == 1, scores, np.unique(patients, return_inverse=True)[1]).estimate()
    return Interval(value=found.value, lower=found.lower, upper=found.upper, patients=len(np.unique(patients)))
