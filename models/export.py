"""The SavedModel and its signatures: the contract between the pipeline, TensorFlow Serving and every client.

Every input and output has the batch as dimension 0, because TensorFlow Serving's batching splits along it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from data_schemas import features
from data_schemas.description import ModelDescription
from models.explanations import grad_cam, integrated_gradients
from models.network import Network

_STRINGS = tf.TensorSpec([None], tf.string, name="inputs")
_LABEL = tf.TensorSpec([None], tf.int64, name="label")


def export_model(
    network: Network, transform: tft.TFTransformOutput, *, description: ModelDescription, folder: Path
) -> None:
    """Writes the network, the Transform graph and the description as a SavedModel that TensorFlow Serving loads.

    Args:
        network: the fitted network.
        transform: the output of the Transform step; its graph becomes part of every signature that takes images.
        description: what `describe` answers.
        folder: where the SavedModel goes.
    """
    module = _Served(network, transform, description)
    labels = len(description.task.labels.names)
    logits = tf.TensorSpec([None, labels], tf.float32, name="raw_scores")
    request = tf.TensorSpec([None], tf.int32, name="request")
    signatures = {
        "serving_default": tf.function(module.score, input_signature=[_STRINGS]),
        "classify": tf.function(module.classify, input_signature=[_STRINGS]),
        "explain": tf.function(module.explain, input_signature=[_STRINGS, _LABEL]),
        "explain_integrated_gradients": tf.function(module.integrate, input_signature=[_STRINGS, _LABEL]),
        "calibrate": tf.function(module.calibrate, input_signature=[logits]),
        "describe": tf.function(module.describe, input_signature=[request]),
        "transform_features": tf.function(
            module.transform_features, input_signature=[tf.TensorSpec([None], tf.string, name="examples")]
        ),
    }
    concrete = {name: function.get_concrete_function() for name, function in signatures.items()}
    tf.saved_model.save(module, str(folder), signatures=concrete)


class _Served(tf.Module):
    """Holds what the signatures use.

    `variables_of_network` is what makes a Keras 3 model load in the session loader: its variables are no `tf.Variable`s
    that `tf.Module` would find by itself.
    """

    def __init__(self, network: Network, transform: tft.TFTransformOutput, description: ModelDescription) -> None:
        super().__init__()
        self._network = network
        self._labels = list(description.task.labels.names)
        self._softmax = description.task.labels.type == "multi_class"
        self._description = description.model_dump_json()
        self._raw_spec = transform.raw_feature_spec()
        self.transform_layer = transform.transform_features_layer()
        self.variables_of_network = [variable.value for variable in network.model.weights]

    def score(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.calibrate(self._network.model(self._images(inputs), training=False))

    def calibrate(self, raw_scores: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = tf.nn.softmax(raw_scores) if self._softmax else tf.nn.sigmoid(raw_scores)
        return {"scores": scores, "raw_scores": tf.identity(raw_scores), "classes": self._classes(raw_scores)}

    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = self.score(inputs)
        return {"classes": outputs["classes"], "scores": outputs["scores"]}

    def explain(self, inputs: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        heatmap, logits = grad_cam(self._network, self._images(inputs), label)
        return {"heatmap": heatmap, "scores": self.calibrate(logits)["scores"]}

    def integrate(self, inputs: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        heatmap, logits = integrated_gradients(self._network, self._images(inputs), label)
        return {"heatmap": heatmap, "scores": self.calibrate(logits)["scores"]}

    def describe(self, request: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"task": tf.fill(tf.shape(request), self._description)}

    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        # TFMA needs the label alone; carrying the images along would fill its memory.
        transformed = self.transform_layer(tf.io.parse_example(examples, self._raw_spec))
        return {features.TRANSFORMED_LABEL: transformed[features.TRANSFORMED_LABEL]}

    def _images(self, inputs: tf.Tensor) -> tf.Tensor:
        # Some layers fail on no image at all, each in its own words; a client is told in plain ones.
        with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(inputs)[0], "Input is empty.")]):
            inputs = tf.identity(inputs)
        spec: dict[str, Any] = {features.IMAGE: self._raw_spec[features.IMAGE]}
        return self.transform_layer(tf.io.parse_example(inputs, spec))[features.TRANSFORMED_IMAGE]

    def _classes(self, raw_scores: tf.Tensor) -> tf.Tensor:
        return tf.tile([self._labels], [tf.shape(raw_scores)[0], 1])
