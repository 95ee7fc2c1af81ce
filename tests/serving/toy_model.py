"""A tiny SavedModel with the signatures of a pushed model, run as a script: `toy_model.py VERSION_DIR [OFFSET]`.

Its logits are known in closed form: for label k of `synthetic_chest` it is k x (mean + OFFSET), where mean is the
example's feature `mean`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

from data_schemas.description import Calibration, ModelDescription
from data_schemas.task_file import load_task

TASK = load_task("synthetic_chest")
LABELS = TASK.labels.names


def describe(operating_point: float = 0.4, *, unit: str = "image") -> str:
    """Returns the JSON that the model's `describe` answers."""
    return ModelDescription(
        task=TASK.model_copy(update={"unit": unit}),
        operating_points=dict.fromkeys(TASK.labels.findings, operating_point),
        prevalence={"normal": 0.5, "nodule": 0.3, "cavity": 0.2},
        calibration=Calibration.identity(len(LABELS)),
        radflow_version="0.1.0",
    ).model_dump_json()


class Toy(tf.Module):
    """The network and its signatures."""

    def __init__(self, offset: float, unit: str) -> None:
        super().__init__()
        self.description = describe(unit=unit)
        self.weights = tf.Variable(tf.range(len(LABELS), dtype=tf.float32), name="weights")
        self.offset = offset

    def logits(self, inputs):
        features = {"mean": tf.io.FixedLenFeature([], tf.float32)}
        mean = tf.io.parse_example(inputs, features)["mean"]
        return (mean + self.offset)[:, None] * self.weights

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def predict(self, inputs):
        rows = tf.shape(inputs)[0]
        known = {name: tf.fill([rows], "match") for name in ("modality_check", "view_check", "age_check")}
        return {
            **self.calibrate(self.logits(inputs)),
            "out_of_scope": tf.fill([rows], False),
            "out_of_scope_score": tf.fill([rows], 0.5),
            **known,
        }

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, len(LABELS)], tf.float32, "raw_scores")])
    def calibrate(self, raw_scores):
        scores = tf.nn.softmax(raw_scores)
        return {
            "scores": scores,
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
        scores = tf.nn.softmax(self.logits(inputs))
        chosen = tf.gather(scores, label, axis=1, batch_dims=1)
        ramp = tf.linspace(0.0, 1.0, 8)[:, None] * tf.ones([1, 8])
        return {"heatmap": chosen[:, None, None] * ramp, "scores": scores}

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

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None, 3], tf.float32, "a"), tf.TensorSpec([None], tf.float32, "b")],
    )
    def two_inputs(self, a, b):
        return {"sum": tf.reduce_sum(a, axis=1) + b, "a_twice": 2.0 * a}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs):
        logits = self.logits(inputs)
        return {
            "classes": tf.tile(tf.constant([LABELS]), [tf.shape(logits)[0], 1]),
            "scores": tf.nn.softmax(logits),
        }

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def regress(self, inputs):
        """Gives the second label's logit: mean + offset."""
        return {"outputs": self.logits(inputs)[:, 1]}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None], tf.float32, "rows")])
    def row_sums(self, rows):
        return {"sums": tf.reduce_sum(rows, axis=1)}

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None], tf.float32, "values"), tf.TensorSpec([None], tf.string, "texts")],
    )
    def echo(self, values, texts):
        return {"values": tf.identity(values), "texts": tf.identity(texts), "texts_bytes": tf.identity(texts)}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.int32, "steps")])
    def slow(self, steps):
        """Takes milliseconds a step, so that a request can be caught in flight."""
        last = tf.reduce_max(steps)
        body = lambda step, matrix: (step + 1, tf.linalg.matmul(matrix, tf.eye(700)))  # noqa: E731
        _, matrix = tf.while_loop(lambda step, _: step < last, body, (0, tf.eye(700)))
        return {"corner": tf.fill(tf.shape(steps), matrix[0, 0])}


def export(version_dir: Path, offset: float = 0.0, *, unit: str = "image") -> None:
    """Writes the model."""
    toy = Toy(offset, unit)
    signatures = {
        "serving_default": toy.predict,
        "explain": toy.explain,
        "explain_integrated_gradients": toy.integrate,
        "calibrate": toy.calibrate,
        "describe": toy.describe,
        "classify": toy.classify,
        "regress": toy.regress,
        "two_inputs": toy.two_inputs,
        "row_sums": toy.row_sums,
        "echo": toy.echo,
        "slow": toy.slow,
    }
    tf.saved_model.save(toy, str(version_dir), signatures=signatures)


if __name__ == "__main__":
    export(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
