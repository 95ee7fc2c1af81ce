"""A tiny SavedModel that judges by header and brightness, run as a script: `judge_model.py VERSION_DIR UNIT OFFSET`.

With m, the mean of the canonical image (0..1), the logits of normal, nodule and cavity are 0, 4 (m + OFFSET) and
8 (m + OFFSET) - 4. Above m = 0.9 an image is out of distribution. Checks are those of `models.scope`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

from data_schemas.decisions import Decisions
from data_schemas.description import Calibration, ConformalSets, ModelDescription, Scope
from data_schemas.task_file import load_task

TASK = load_task("synthetic_chest")
LABELS = TASK.labels.names
YOUNGEST, OLDEST, FAR = 18.0, 89.0, 0.9


def describe(unit: str) -> str:
    """Returns the JSON that the model's `describe` answers."""
    ages = Decisions(age_range=(YOUNGEST, OLDEST))
    return ModelDescription(
        task=TASK.model_copy(update={"unit": unit, "decisions": ages}),
        operating_points=dict.fromkeys(LABELS, 0.4),
        prevalence={"normal": 0.5, "nodule": 0.3, "cavity": 0.2},
        calibration=Calibration.identity(len(LABELS)),
        conformal=ConformalSets(coverage=0.9, thresholds=(0.8,) * 3, patients=(20,) * 3),
        scope=Scope(threshold=FAR, in_scope_share=0.98, patients=60),
        radflow_version="0.1.0",
    ).model_dump_json()


def checked(values: tf.Tensor, accepted: tuple[str, ...]) -> tf.Tensor:
    """Returns match, mismatch or unknown for text (n,)."""
    known = tf.reduce_any(values[:, None] == tf.constant(accepted)[None], axis=1)
    return tf.where(values == "unknown", "unknown", tf.where(known, "match", "mismatch"))


class Judge(tf.Module):
    """The network and its signatures."""

    def __init__(self, unit: str, offset: float) -> None:
        super().__init__()
        self.description = describe(unit)
        self.slopes = tf.Variable([0.0, 4.0, 8.0], name="slopes")
        self.offset = offset

    def parsed(self, inputs):
        text, number = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.float32)
        ages = tf.io.VarLenFeature(tf.float32)
        return tf.io.parse_example(inputs, {"mean": number, "modality": text, "view": text, "age_years": ages})

    def logits(self, mean):
        return (mean + self.offset)[:, None] * self.slopes - tf.constant([0.0, 0.0, 4.0])

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def predict(self, inputs):
        found = self.parsed(inputs)
        ages = tf.sparse.to_dense(found["age_years"], default_value=-1.0)
        age = tf.concat([ages, -tf.ones([tf.shape(inputs)[0], 1])], axis=1)[:, 0]
        inside = (age >= YOUNGEST) & (age <= OLDEST)
        return {
            **self.calibrate(self.logits(found["mean"])),
            "out_of_scope": found["mean"] > FAR,
            "out_of_scope_score": found["mean"],
            "modality_check": checked(found["modality"], TASK.modalities),
            "view_check": checked(found["view"], TASK.views),
            "age_check": tf.where(age < 0, "unknown", tf.where(inside, "match", "mismatch")),
        }

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, len(LABELS)], tf.float32, "raw_scores")])
    def calibrate(self, raw_scores):
        scores = tf.nn.softmax(raw_scores)
        return {
            "scores": scores,
            "scores_at_calibration_prevalence": tf.identity(scores),
            "raw_scores": tf.identity(raw_scores),
            "classes": tf.tile(tf.constant([LABELS]), [tf.shape(raw_scores)[0], 1]),
            "operating_point": 0.4 * tf.ones_like(scores),
            "flag": scores >= 0.4,
            "prediction_set": scores >= 0.2,
        }

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None], tf.string, "inputs"), tf.TensorSpec([None], tf.int64, "label")],
    )
    def explain(self, inputs, label):
        scores = tf.nn.softmax(self.logits(self.parsed(inputs)["mean"]))
        ramp = tf.linspace(0.0, 1.0, 128)[:, None] * tf.ones([1, 128])
        rows = tf.shape(label)[0]
        return {"heatmap": tf.tile(ramp[None], [rows, 1, 1]), "scores": scores}

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None], tf.string, "inputs"), tf.TensorSpec([None], tf.int64, "label")],
    )
    def integrate(self, inputs, label):
        explained = self.explain(inputs, label)
        return {"heatmap": explained["heatmap"][:, ::-1], "scores": explained["scores"]}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.int32, "request")])
    def describe(self, request):
        return {"task": tf.fill([tf.shape(request)[0]], self.description)}


def export(version_dir: Path, unit: str = "image", offset: float = 0.0) -> None:
    """Writes the model."""
    judge = Judge(unit, offset)
    signatures = {
        "serving_default": judge.predict,
        "explain": judge.explain,
        "explain_integrated_gradients": judge.integrate,
        "calibrate": judge.calibrate,
        "describe": judge.describe,
    }
    tf.saved_model.save(judge, str(version_dir), signatures=signatures)


if __name__ == "__main__":
    export(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
