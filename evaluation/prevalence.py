"""A probability holds at a prevalence. This carries it to another one, and back (Saerens et al. 2002).

What is carried is the prior alone: it is assumed that a finding looks the same wherever it is rarer or more common.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from data_schemas.task import Labels
from evaluation.metrics import UNKNOWN_LABEL, Floats


def prevalence_of(labels: NDArray[Any], names: tuple[str, ...]) -> dict[str, float]:
    """Returns each label's share of the images on which it is known; nan where it is known on none.

    Args:
        labels: int (n,) index of the label, or (n, labels) of 1, 0 and -1 (unknown).
        names: of the labels.
    """
    shares = {}
    for index, name in enumerate(names):
        truth = labels[:, index] if labels.ndim == 2 else np.where(labels < 0, UNKNOWN_LABEL, labels == index)
        known = truth[truth != UNKNOWN_LABEL]
        shares[name] = float(np.mean(known == 1)) if known.size else float("nan")
    return shares


def complete(prevalence: Mapping[str, float], labels: Labels) -> dict[str, float]:
    """Returns a declared prevalence for every label; one label of a multi-class task may be left to be the rest."""
    missing = [name for name in labels.names if name not in prevalence]
    rest = dict.fromkeys(missing, 1.0 - sum(prevalence.values()))
    return {name: rest[name] if name in rest else prevalence[name] for name in labels.names}


def logit_shift(before: Mapping[str, float], after: Mapping[str, float], labels: Labels) -> Floats:
    """Returns what is added to calibrated logits, (labels,), so that they hold at another prevalence.

    Args:
        before: prevalence by label, each above 0 and below 1, at which they hold.
        after: the same, at which they are to hold.
        labels: the task's.
    """
    old = np.array([before[name] for name in labels.names])
    new = np.array([after[name] for name in labels.names])
    shift: Floats = np.log(new) - np.log(old)
    if labels.type == "multi_label":
        shift -= np.log1p(-new) - np.log1p(-old)
    return shift


def carried(scores: NDArray[Any], shift: Floats, labels: Labels) -> Floats:
    """Returns probabilities (n, labels) at the prevalence that a `logit_shift` leads to; its negative leads back."""
    scores = np.asarray(scores, np.float64)
    if labels.type == "multi_label":
        moved: Floats = scipy.special.expit(scipy.special.logit(scores) + shift)
        return moved
    weighted = scores * np.exp(shift)
    normalized: Floats = weighted / weighted.sum(axis=1, keepdims=True)
    return normalized
