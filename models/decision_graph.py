"""From logits to what a model answers: probabilities, flags and label sets, as ops frozen into the export."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from data_schemas import features
from data_schemas.description import ModelDescription
from evaluation.prevalence import logit_shift

_ALWAYS = 2.0
"""Above every nonconformity: the label is in every set."""
MATCH, MISMATCH, UNKNOWN = "match", "mismatch", "unknown"


class DecisionGraph:
    """A description's rules as a graph.

    Args:
        description: what was fitted, and the task that declares the rest.
    """

    def __init__(self, description: ModelDescription) -> None:
        task, self._description = description.task, description
        self._labels, self._softmax = task.labels, task.labels.type == "multi_class"
        self._is_finding = tf.constant([name in task.labels.findings for name in task.labels.names])
        self._points = tf.constant([description.operating_points[name] for name in task.labels.names], tf.float32)
        deployed = description.deployment_prevalence
        shift = logit_shift(description.prevalence, deployed, task.labels) if deployed else np.zeros(len(self._points))
        self._shift = tf.constant(shift, tf.float32)

    def answer(self, raw_scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the outputs of `calibrate` for logits float32 (n, labels): every one has n rows.

        `operating_point` is in the unit of `scores`. Of three labels or more that exclude each other it differs a
        little
        from image to image where a deployment prevalence is declared: so that the same images are flagged.
        """
        calibration = self._description.calibration
        logits = raw_scores * tf.constant(calibration.slopes, tf.float32)
        logits += tf.constant(calibration.intercepts, tf.float32)
        before = self._probabilities(logits)
        scores = self._probabilities(logits + self._shift)
        rows = tf.shape(raw_scores)[0]
        return {
            "scores": scores,
            "scores_at_calibration_prevalence": before,
            "raw_scores": tf.identity(raw_scores),
            "classes": tf.tile([list(self._labels.names)], [rows, 1]),
            "operating_point": self._carried_points(before),
            "flag": (before >= self._points) & self._is_finding,
            **self._label_sets(raw_scores),
        }

    def scope(self, score: tf.Tensor, headers: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns whether images are what the model was made for: `out_of_scope` bool (n,) and what speaks for it.

        Args:
            score: float32 (n,), how unusual each image looks.
            headers: `modality`, `view` string (n,) and `age_years` float32 (n,), nan where it is not known.
        """
        task, scope = self._description.task, self._description.scope
        found = {
            "modality_check": _listed(headers[features.MODALITY], task.modalities),
            "view_check": _listed(headers[features.VIEW], task.views),
            "age_check": _within(headers[features.AGE_YEARS], task.decisions.age_range),
        }
        limit = math.inf if scope is None or scope.threshold is None else scope.threshold
        out = score > tf.constant(limit, tf.float32)
        for check in found.values():
            out |= tf.equal(check, MISMATCH)
        return {"out_of_scope": out, "out_of_scope_score": score, **found}

    def _probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(logits) if self._softmax else tf.nn.sigmoid(logits)

    def _carried_points(self, before: tf.Tensor) -> tf.Tensor:
        """Returns the operating points (n, labels) at the prevalence of `scores`."""
        if not self._softmax:
            moved = tf.sigmoid(tf.math.log(self._points) - tf.math.log1p(-self._points) + self._shift)
            return tf.ones_like(before) * moved
        # A label's score is p r / (p r + (1 - p) R), with r its own ratio of priors and R the others', weighted by how
        # likely each of them is. That rises with p, so that the point with the same r and R keeps every flag.
        ratio = tf.exp(self._shift)
        rest = 1.0 - before + 1e-12
        others = (tf.reduce_sum(before * ratio, axis=1, keepdims=True) - before * ratio + 1e-12 * ratio) / rest
        return self._points * ratio / (self._points * ratio + (1.0 - self._points) * others)

    def _label_sets(self, raw_scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns which labels cannot be excluded: their presence, and of findings also their absence."""
        sets = self._description.conformal
        own = self._probabilities(raw_scores)
        if sets is None:
            return {"prediction_set": tf.ones_like(own, tf.bool)}
        found = {"prediction_set": 1.0 - own <= _limits(sets.thresholds)}
        if not self._softmax:
            found["absence_set"] = own <= _limits(sets.absent_thresholds)
        return found


def _limits(thresholds: tuple[float | None, ...]) -> tf.Tensor:
    # A little more than the threshold, which is a score's own: float32 must not lose the image that it came from.
    return tf.constant([_ALWAYS if limit is None else limit + 1e-6 for limit in thresholds], tf.float32)


def _listed(values: tf.Tensor, allowed: tuple[str, ...]) -> tf.Tensor:
    """Says of each value whether it is one of those allowed; unknown where it is not known or nothing is declared."""
    if not allowed:
        return tf.fill(tf.shape(values), UNKNOWN)
    known = (values != "") & (values != features.UNKNOWN)
    among = tf.reduce_any(values[:, None] == tf.constant(allowed), axis=1)
    return tf.where(known, tf.where(among, MATCH, MISMATCH), UNKNOWN)


def _within(ages: tf.Tensor, bounds: tuple[float, float] | None) -> tf.Tensor:
    if bounds is None:
        return tf.fill(tf.shape(ages), UNKNOWN)
    inside = (ages >= bounds[0]) & (ages < bounds[1] + 1.0)  # a child is five years old until its sixth birthday
    return tf.where(tf.math.is_nan(ages), UNKNOWN, tf.where(inside, MATCH, MISMATCH))
